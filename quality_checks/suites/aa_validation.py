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
_CURE = (
    "The test of this metric calls equal halves different too often (or hardly ever): "
    "do not read its experiments by it. Look for a few persons who make most of the "
    "figure and give the metric `caps`, or for a figure that is not of single persons; "
    "then run again."
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
                cure="The table was written by another version: run again.",
            ),
            no_such_rows(
                "false_positive_rate_within_band",
                f"select {_SHOWN} from {{batch}} where is_within_band is false",
                description="the rate of each metric lies within its allowed band",
                cure=_CURE,
            ),
            no_such_rows(
                "rates_are_whole",
                f"select {_SHOWN} from {{batch}} where split_count < {LEAST_SPLITS} "
                "or (reason is null) = (is_within_band is null) or not coalesce("
                "false_positive_rate between rate_lower and rate_upper, true)",
                description=f"at least {LEAST_SPLITS} splits a metric; a rate lies in "
                "its interval, and one that is not judged has a reason",
                cure=_CURE,
            ),
        ),
    )
