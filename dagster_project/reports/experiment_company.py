"""What an experiment's page says of others that share its units.

Here belong the rows of that table. Here does not belong the page (``experiment_page``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from dagster_project.reports.experiment_data import ExperimentData
from dagster_project.reports.experiment_listings import (
    REASONS,
    capped_where_declared,
    p_text,
)
from dagster_project.reports.formatting import (
    DASH,
    Unit,
    format_value,
    format_whole,
    plural,
)

# Those that stand out most; the table holds the rest.
MAX_ROWS: Final = 12


@dataclass(frozen=True)
class InteractionRow:
    """The effect of a treatment without and with a treatment of another experiment."""

    other: str
    label: str
    units: str
    alone: str
    together: str
    change: str
    interval: str
    p_value: str
    tone: str


@dataclass(frozen=True)
class Company:
    """The table of interactions and a line of words over it; no rows: no section."""

    words: str
    rows: tuple[InteractionRow, ...]


def company_of(data: ExperimentData) -> Company:
    """Return the interactions with the least adjusted p-values, unknown ones last."""
    rows = data.interactions
    if rows.empty:
        return Company("", ())
    rows = capped_where_declared(rows).sort_values(
        ["adjusted_p_value", "other_experiment_name", "metric_name", "treatment"],
        na_position="last",
        kind="stable",
    )
    several = rows["treatment"].nunique() > 1
    found = int(rows["is_discovery"].fillna(False).astype(bool).sum())
    others = plural(rows["other_experiment_name"].nunique(), "experiment")
    words = f"{others} with units of this one; "
    if rows["adjusted_p_value"].isna().all():
        words += "nothing can be compared yet"
    else:
        words += f"{plural(found, 'effect')} changed" if found else "no effect changed"
    shown = rows.head(MAX_ROWS).to_dict("records")
    return Company(words, tuple(_row(row, several=several) for row in shown))


def _row(row: Mapping[Any, Any], *, several: bool) -> InteractionRow:
    unit = Unit.of(row["metric_unit"], None)
    unit = Unit("rate", "%") if row["metric_kind"] == "proportion" else unit
    bounds = (row["interaction_lower"], row["interaction_upper"])
    known = not any(pd.isna(bound) for bound in bounds)
    low, high = (format_value(bound, unit) for bound in bounds)
    label = str(row["metric_label"])
    return InteractionRow(
        other=f"{row['other_experiment_name']}: {row['other_treatment']}",
        label=f"{label}, {row['treatment']}" if several else label,
        units=format_whole(row["unit_count"]),
        alone=_figure(row["effect_alone"], unit),
        together=_figure(row["effect_together"], unit),
        change=_figure(row["interaction"], unit),
        interval=f"[{low}, {high}]" if known else REASONS.get(str(row["reason"]), DASH),
        p_value=p_text(row["adjusted_p_value"]),
        tone="warn" if row["is_discovery"] in (True, 1) else "",
    )


def _figure(value: float, unit: Unit) -> str:
    return DASH if pd.isna(value) else format_value(value, unit)
