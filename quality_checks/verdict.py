"""What a check is and what it found: plain data, no database, no library.

Suites are built from these classes, the runner fills them, the CLI, Dagster and the
data-quality page read them. How an expectation is evaluated does not belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["critical", "warning"]
Status = Literal["passed", "warned", "failed", "errored"]

MAX_EXAMPLES = 10


@dataclass(frozen=True)
class Expectation:
    """One thing that must be true of a table.

    name: unique in its suite, `snake_case`; it becomes the check's name everywhere.
    expectation_type: Great Expectations' name of the rule
        (`expect_column_values_to_not_be_null`, `unexpected_rows_expectation`, ...).
    kwargs: the rule's arguments, plain values only.
    severity: `critical` stops what is downstream, `warning` is reported.
    cure: what a person should do when it does not hold.
    description: the rule in words.
    table: table the rule is evaluated on; None means the suite's own.
    examples_sql: query for offending rows, run with a limit only when the rule does
        not hold.
    evidence_sql: query of one row `failed_count, row_count, observed` that puts the
        result in figures and words (null words are made from the figures); None
        leaves that to the runner.
    """

    name: str
    expectation_type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    cure: str
    description: str
    table: str | None = None
    examples_sql: str | None = None
    evidence_sql: str | None = None


@dataclass(frozen=True)
class Suite:
    """Expectations that belong together.

    table: the table judged (`schema.table` or a view); setup_sql: statements that
    prepare temporary tables for the expectations, run once before them.
    """

    name: str
    table: str
    description: str
    expectations: tuple[Expectation, ...]
    setup_sql: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse two expectations of one name: results are told apart by it."""
        names = [expectation.name for expectation in self.expectations]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"suite {self.name}: repeated expectations {repeated}")


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    failed_count: rows (or columns, days) that break the rule; None when unknown.
    row_count: rows (or columns, days) looked at; None when unknown.
    observed: what was seen, in words. examples: at most ten offending rows, as plain
    JSON values.
    """

    suite: str
    table: str
    check_name: str
    severity: Severity
    status: Status
    failed_count: int | None
    row_count: int | None
    observed: str
    cure: str
    description: str = ""
    examples: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse more examples than a person wants to read."""
        if len(self.examples) > MAX_EXAMPLES:
            raise ValueError(f"{self.check_name}: more than {MAX_EXAMPLES} examples")


@dataclass(frozen=True)
class Verdict:
    """All results of one run of a suite.

    A verdict without results would read as a pass, so there is none: `ValueError`.
    """

    results: tuple[CheckResult, ...]

    def __post_init__(self) -> None:
        """Refuse to say "nothing wrong" when nothing was looked at."""
        if not self.results:
            raise ValueError("a verdict needs at least one check result")

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """Critical rules that do not hold, and every check that could not run."""
        return self._with_status("failed", "errored")

    @property
    def warned(self) -> tuple[CheckResult, ...]:
        """Rules of severity `warning` that do not hold."""
        return self._with_status("warned")

    @property
    def passed(self) -> tuple[CheckResult, ...]:
        """Rules that were evaluated and hold."""
        return self._with_status("passed")

    @property
    def blocks(self) -> bool:
        """Whether anything downstream must stop."""
        return bool(self.failed)

    def _with_status(self, *statuses: Status) -> tuple[CheckResult, ...]:
        return tuple(r for r in self.results if r.status in statuses)


def summarise(verdict: Verdict) -> list[str]:
    """Put a verdict into sentences: the worst first, then one line for what passed.

    Each failed, errored or warned check is named with its table, what was seen, up to
    three examples and the cure.
    """
    lines: list[str] = []
    for result in (*verdict.failed, *verdict.warned):
        lines.extend(_sentences(result))
    passed = len(verdict.passed)
    lines.append(f"{passed} of {len(verdict.results)} checks passed.")
    return lines


_WORDS: Mapping[Status, str] = {
    "failed": "FAILED",
    "errored": "COULD NOT RUN",
    "warned": "WARNING",
}


def _sentences(result: CheckResult) -> list[str]:
    head = f"{_WORDS[result.status]} {result.suite}.{result.check_name}"
    lines = [f"{head} on {result.table}: {result.observed}."]
    if result.description:
        lines.append(f"  Expected: {result.description}")
    if result.examples:
        shown = "; ".join(_in_words(example) for example in result.examples[:3])
        more = len(result.examples) - 3
        rest = f"; and {more} more" if more > 0 else ""
        lines.append(f"  For example: {shown}{rest}.")
    lines.append(f"  What to do: {result.cure}")
    return lines


def _in_words(example: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {'null' if value is None else value}"
        for name, value in example.items()
    )
