"""What must be true of splits that differ in nothing: few of them are called different.

One row per metric. How splits are drawn and tested belongs to the analysis.
"""

from __future__ import annotations

from quality_checks.suites.rules import has_columns, no_such_rows
from quality_checks.verdict import Suite

LEAST_SPLITS = 512
_COLUMNS = (
    *("metric_name", "split_count", "judged_count", "alpha", "false_positive_count"),
    *("false_positive_rate", "rate_lower", "rate_upper", "allowed_lower"),
    *("allowed_upper", "is_within_band", "reason"),
)
_SHOWN = ", ".join(_COLUMNS)
_OTHER_VERSION = "The table was written by another version: run again."
_TOO_HIGH = (
    "The test of this metric calls equal halves different too often: do not read its "
    "experiments by it. Look for a figure that is not of single persons, or give the "
    "metric `caps`; then run again."
)
_TOO_LOW = (
    "The test of this metric hardly ever calls halves different, so that experiments "
    "will not find what is there: a few persons make most of the figure. Give the "
    "metric `caps`."
)


def aa_validation_suite(*, table: str = "analysis.aa_validation") -> Suite:
    """Return the suite for the false-positive rates. An empty table is fine."""
    return Suite(
        name="aa_validation",
        table=table,
        description="Equal halves are called different as often as the level says.",
        expectations=(
            has_columns(
                _COLUMNS,
                exactly=False,
                cure=_OTHER_VERSION,
            ),
            no_such_rows(
                "false_positive_rate_not_too_high",
                f"select {_SHOWN} from {{batch}} where is_within_band is false "
                "and false_positive_rate > allowed_upper",
                description="the rate of no metric lies above its allowed band",
                cure=_TOO_HIGH,
            ),
            no_such_rows(
                "false_positive_rate_not_too_low",
                f"select {_SHOWN} from {{batch}} where is_within_band is false "
                "and false_positive_rate < allowed_lower",
                description="the rate of no metric lies below its allowed band",
                cure=_TOO_LOW,
                # Nothing false is told by a test that calls nothing.
                severity="warning",
            ),
            no_such_rows(
                "rates_are_whole",
                f"select {_SHOWN} from {{batch}} where split_count < {LEAST_SPLITS} "
                "or (reason is null) = (is_within_band is null) or not coalesce("
                "false_positive_rate between rate_lower and rate_upper, true)",
                description=f"at least {LEAST_SPLITS} splits a metric; a rate lies in "
                "its interval, and one that is not judged has a reason",
                cure=_OTHER_VERSION,
            ),
        ),
    )
