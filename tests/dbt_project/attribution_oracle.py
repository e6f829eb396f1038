"""Attribution added up by day, channel and path, with exact fractions.

Belongs here: sums over conversions, as SEMANTICS says them. Not here: the touches of
one conversion and their shares, which the second engine tells, SQL, rounding,
incremental runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction

from dagster_project.analysis.reconciliation.attribution import (
    MODELS,
    Conversion,
    Rules,
    Visit,
    shares,
    touches_of,
)

NONE = "(none)"


def credited(
    conversions: Iterable[Conversion], sessions: Sequence[Visit], rules: Rules
) -> dict[tuple[str, date, str], tuple[Fraction, Fraction]]:
    """Give amount and conversions by model, day (UTC) and channel."""
    found: dict[tuple[str, date, str], tuple[Fraction, Fraction]] = defaultdict(
        lambda: (Fraction(0), Fraction(0))
    )
    for conversion in conversions:
        touches = touches_of(conversion, sessions, rules)
        for model in MODELS:
            parts = shares(model, touches, rules) if touches else [Fraction(1)]
            channels = [str(one.channel) for one in touches] or [NONE]
            for channel, part in zip(channels, parts, strict=True):
                key = (model, conversion.converted_at.date(), channel)
                amount, count = found[key]
                found[key] = (amount + conversion.amount * part, count + part)
    return found


def paths(
    conversions: Iterable[Conversion], sessions: Sequence[Visit], rules: Rules
) -> dict[tuple[date, str], tuple[int, int, Fraction, int, Fraction | None]]:
    """Give length, conversions, amount, touches and seconds by day (UTC) and path."""
    found: dict[tuple[date, str], list[tuple[Conversion, list[Visit]]]] = defaultdict(
        list
    )
    lengths = {}
    for conversion in conversions:
        touches = touches_of(conversion, sessions, rules)
        names = [str(one.channel) for one in touches]
        if rules.collapses:
            names = [
                name
                for place, name in enumerate(names)
                if place == 0 or name != names[place - 1]
            ]
        key = (conversion.converted_at.date(), " > ".join(names) or NONE)
        lengths[key] = len(names)
        found[key].append((conversion, touches))
    return {
        key: (
            lengths[key],
            len(ends),
            sum((one.amount for one, _ in ends), Fraction(0)),
            sum(len(touches) for _, touches in ends),
            _seconds(ends),
        )
        for key, ends in found.items()
    }


def _seconds(ends: list[tuple[Conversion, list[Visit]]]) -> Fraction | None:
    spans = [
        one.converted_at - touches[0].started_at for one, touches in ends if touches
    ]
    if not spans:
        return None
    return Fraction(sum(spans, timedelta()) // timedelta(microseconds=1), 1_000_000)
