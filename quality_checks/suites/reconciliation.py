"""What must be true of two engines that reckon the same: they say the same.

One row per area and definition. How figures are recomputed belongs to the analysis.
"""

from __future__ import annotations

from quality_checks.suites.rules import has_columns, no_such_rows
from quality_checks.verdict import Suite

_COLUMNS = (
    *("area", "definition", "differing_figures", "differing_count", "figure_count"),
    *("person_count", "is_agreed", "examples"),
)
# No more than fits a terminal beside the examples.
_SHOWN = "area, definition, differing_figures, differing_count, examples"
_CURE = (
    "A table of the warehouse does not say what its own events say. The examples name "
    "persons and figures. Was a table changed by hand, or restored from a copy? "
    "Rebuild with `daybreak dbt run --full-refresh`, then run again. If the figures "
    "still differ, one of the two engines is wrong: report it with the examples, and "
    "publish nothing of that area until it is found."
)


def reconciliation_suite(*, table: str = "trust.reconciliation_sample") -> Suite:
    """Return the suite for the second engine's comparison. An empty table is fine."""
    return Suite(
        name="reconciliation",
        table=table,
        description="A second engine finds the warehouse's figures from its events.",
        expectations=(
            has_columns(
                _COLUMNS,
                exactly=False,
                cure="The table was written by another version: run again.",
            ),
            no_such_rows(
                "second_engine_agrees",
                f"select {_SHOWN} from {{batch}} where differing_count > 0 "
                "or is_agreed is false",
                description="figures of a sample of persons, recomputed from their "
                "events by a second engine, are those of the warehouse",
                cure=_CURE,
            ),
        ),
    )
