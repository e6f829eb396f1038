"""A decision in a sentence.

Here belongs the wording of verdicts, lifts and what is missing. Here does not belong
any choice: the verdict and its grounds come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MINUS: Final = "\N{MINUS SIGN}"
NAMED: Final = 2


@dataclass(frozen=True)
class Told:
    """A metric as a sentence names it: lift and bounds are shares, None unknown."""

    label: str
    lift: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Case:
    """What a sentence is made from.

    ``superior``, ``pending`` (success metrics without a verdict yet), ``worse`` and
    ``uncleared`` metrics; ``failed_checks`` in words; ``looks_left`` None when the pace
    is unknown; ``information`` the matured share of the plan, None without a plan.
    """

    treatment: str
    verdict: str
    superior: Sequence[Told]
    pending: Sequence[Told]
    worse: Sequence[Told]
    uncleared: Sequence[Told]
    guardrails: int
    failed_checks: Sequence[str]
    looks_left: int | None
    information: float | None


def sentence_of(case: Case) -> str:
    """Return the decision in words, such as "Ship variant_a: purchase conversion
    +11.2 % [4.1, 18.9], guardrails non-inferior, 1 look left; sample 92 % of plan".
    """
    lead = {
        "ship": f"Ship {case.treatment}",
        "do_not_ship": f"Do not ship {case.treatment}",
        "stop_harm": f"Stop {case.treatment}",
        "keep_running": f"Keep running {case.treatment}",
        "invalid": f"No decision on {case.treatment}",
    }[case.verdict]
    facts = ", ".join(fact for fact in _facts(case) if fact)
    return f"{lead}: {facts}; {_sample(case)}"


def _facts(case: Case) -> list[str]:
    if case.verdict == "invalid":
        failed = ", ".join(case.failed_checks) or "a check failed"
        return [f"{failed}, so its figures cannot be trusted"]
    if case.verdict == "stop_harm":
        return [f"{_metrics(case.worse)} worse than the control", _left(case)]
    waiting = "not shown to be better" + (
        " yet" if case.verdict == "keep_running" else ""
    )
    if not case.information:
        return ["nothing can be said yet"]
    return [
        _metrics(case.superior) if case.superior else "",
        "" if case.superior else _pending(case, waiting),
        _guardrails(case),
        _left(case),
    ]


def _pending(case: Case, waiting: str) -> str:
    if not case.pending:
        return "no success metric is declared"
    return f"{_metrics(case.pending)} {waiting}"


def _guardrails(case: Case) -> str:
    if not case.guardrails:
        return "no guardrails"
    if not case.uncleared:
        return "guardrails non-inferior"
    names = [told.label for told in case.uncleared]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"not shown to be unharmed: {', '.join(names[:NAMED])}{more}"


def _left(case: Case) -> str:
    if case.information is None or case.information >= 1:
        return ""
    if case.looks_left is None:
        return "no new units lately"
    return f"{case.looks_left} look{'' if case.looks_left == 1 else 's'} left"


def _sample(case: Case) -> str:
    if case.information is None:
        return "no sample size is planned"
    if case.information <= 0:
        return "no unit's window has closed yet"
    if case.information >= 1:
        return "the plan is complete"
    return f"sample {case.information * 100:.0f} % of plan"


def _metrics(metrics: Sequence[Told]) -> str:
    texts = [_metric(told) for told in metrics[:NAMED]]
    more = f" and {len(metrics) - NAMED} more" if len(metrics) > NAMED else ""
    return ", ".join(texts) + more


def _metric(told: Told) -> str:
    return f"{_lower_first(told.label)} {lift_in_words(told)}"


def lift_in_words(told: Told) -> str:
    """Return a lift with its interval in per cent: +11.2 % [4.1, 18.9]."""
    if told.lift is None:
        return "(lift not known)"
    lift = f"{'+' if told.lift > 0 else ''}{_percent(told.lift)} %"
    if told.lower is None or told.upper is None:
        return f"{lift} (interval unbounded)"
    return f"{lift} [{_percent(told.lower)}, {_percent(told.upper)}]"


def _percent(share: float) -> str:
    return f"{share * 100:.1f}".replace("-0.0", "0.0").replace("-", MINUS)


def _lower_first(text: str) -> str:
    # An abbreviation such as MRR keeps its capitals.
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
