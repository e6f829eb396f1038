"""The figures a person looks at first: the last complete week of headline metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from dagster_project.warehouse import Warehouse

_QUERY = """
select
    definitions.label,
    definitions.unit,
    definitions.direction,
    metrics.period_start::date as week,
    metrics.value,
    metrics.change_rate,
    metrics.target,
    metrics.attainment_rate
from marts.fct_metrics as metrics
inner join marts.dim_metrics as definitions
    on metrics.metric_name = definitions.metric_name
where
    definitions.is_headline
    and metrics.period = 'week'
    and metrics.dimension = 'all'
    and metrics.is_complete
    and metrics.value is not null
qualify row_number() over (
    partition by metrics.metric_name order by metrics.period_start desc
) = 1
order by definitions.label
"""


@dataclass(frozen=True)
class Headline:
    """A metric in the last complete week whose figure is known.

    `change_rate` is against the week before; undefined figures are null.
    """

    label: str
    unit: str | None
    direction: str
    week: date
    value: float
    change_rate: float | None
    target: float | None
    attainment_rate: float | None


def headlines(warehouse: Warehouse) -> list[Headline]:
    """Read the headline figures, by label."""
    frame = warehouse.read(_QUERY)
    rows: list[dict[str, Any]] = frame.to_dict(orient="records")  # type: ignore[assignment]
    return [
        Headline(
            label=row["label"],
            unit=None if pd.isna(row["unit"]) else row["unit"],
            direction=row["direction"],
            week=pd.Timestamp(row["week"]).date(),
            value=float(row["value"]),
            change_rate=_number(row["change_rate"]),
            target=_number(row["target"]),
            attainment_rate=_number(row["attainment_rate"]),
        )
        for row in rows
    ]


def duplicates(warehouse: Warehouse) -> int | None:
    """Return how many landed rows are copies of a known event; null before marts."""
    if "trust.freshness" not in warehouse.tables("trust"):
        return None
    found = warehouse.read(
        "select coalesce(sum(duplicate_row_count), 0) as n from trust.freshness"
    )
    return int(found["n"].iloc[0])


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
