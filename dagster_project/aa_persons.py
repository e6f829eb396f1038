"""The figures of persons that equal halves are drawn from: read, not judged.

One scan of the events of the last days makes every metric of every person. Here belong
the query and its result as arrays; drawing and testing are in `analysis.aa_validation`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dagster_project.analysis.aa_validation import Persons, aa_validation
from dagster_project.analysis.experiments.study import MetricKind
from dagster_project.tables import AA_VALIDATION
from dagster_project.warehouse import Warehouse

# Four whole weeks of figures, and as many before them as their covariates.
DAYS = 28
_FLAGS = ("unique_persons", "active_persons")


@dataclass(frozen=True)
class AdditiveMetric:
    """A metric that is a sum, a share or a ratio of sums over a person's events.

    ``numerator`` and ``denominator`` are SQL over events of a span of days, written as
    `{inside}`.
    """

    name: str
    definition_hash: str
    kind: MetricKind
    numerator: str
    denominator: str | None


def additive_metrics(
    warehouse: Warehouse, compiled_catalog: Path
) -> list[AdditiveMetric]:
    """Return the metrics of the catalog whose figures add over a person's events.

    Counts and sums are means per person, unique persons are shares, ratios and averages
    are ratios of sums. Metrics of other types, and those that look at properties of
    persons, have no such figure.
    """
    file = compiled_catalog / "catalog_metrics.parquet"
    rows = warehouse.read(
        "select metric_name, definition_hash, components, include_excluded_traffic "
        "from read_parquet(?) where not uses_person_properties order by metric_name",
        [str(file)],
    )
    found = []
    for name, hashed, components, everyone in rows.itertuples(index=False):
        parts = json.loads(components)
        amounts = {p["role"]: _amount(p, everyone=bool(everyone)) for p in parts}
        kind = _kind(parts, amounts)
        if kind is not None:
            first = amounts.get("value") or amounts["numerator"]
            second = amounts.get("denominator")
            found.append(AdditiveMetric(name, hashed, kind, str(first), second))
    return found


def _kind(
    parts: list[dict[str, Any]], amounts: dict[str, str | None]
) -> MetricKind | None:
    if None in amounts.values():
        return None
    if set(amounts) == {"numerator", "denominator"}:
        return MetricKind.RATIO
    if set(amounts) != {"value"}:
        return None
    is_flag = parts[0]["aggregate"] in _FLAGS
    return MetricKind.PROPORTION if is_flag else MetricKind.MEAN


def _amount(part: dict[str, Any], *, everyone: bool) -> str | None:
    """SQL of a person's figure over events where `{inside}`; None if it does not add.

    Sums are of decimals, so that their order does not show.
    """
    traffic = "true" if everyone else "not is_bot and not is_internal"
    which = f"{{inside}} and {traffic} and ({part['filter_sql']})"
    if part.get("window_days"):
        return None
    if part["aggregate"] in _FLAGS:
        return f"coalesce(cast(bool_or({which}) as double), 0)"
    if part["aggregate"] == "count":
        return f"cast(count(*) filter (where {which}) as double)"
    if part["aggregate"] == "count_values":
        return f"cast(count({part['value_sql']}) filter (where {which}) as double)"
    if part["aggregate"] == "sum":
        exact = f"cast({part['value_sql']} as decimal(38, 6))"
        return f"coalesce(cast(sum({exact}) filter (where {which}) as double), 0)"
    return None


def read_persons(
    warehouse: Warehouse,
    metrics: list[AdditiveMetric],
    *,
    last_day: date,
    reporting_timezone: str,
) -> Persons:
    """Return every metric of every person with an event in the last 56 local days.

    Figures are of the `DAYS` days up to `last_day`, covariates of as many before.
    """
    first, before = last_day - timedelta(DAYS - 1), last_day - timedelta(2 * DAYS - 1)
    now = f"local_date >= date '{first}'"
    past = f"local_date < date '{first}'"
    columns = [
        "0.0" if amount is None else amount.replace("{inside}", span)
        for metric in metrics
        for span in (now, past)
        for amount in (metric.numerator, metric.denominator)
    ]
    # Of text: (y, d) of the days, then (x, w) of those before, as `Sums` orders them.
    shown = ", ".join(f"{sql} as f{place}" for place, sql in enumerate(columns))
    local = f"timezone('{reporting_timezone}', timezone('UTC', occurred_at))"
    frame = warehouse.read(
        f"with events as (select *, cast({local} as date) as local_date "
        "from intermediate.int_events where person_id is not null "
        "and event_date between cast(? as date) - 1 and cast(? as date) + 1) "
        f"select {shown} from events where local_date between ? and ? "
        "group by person_id order by person_id",
        [before, last_day, before, last_day],
    )
    block = frame.to_numpy(dtype=np.float64).reshape(len(frame), len(metrics), 4)
    return Persons(
        names=tuple(metric.name for metric in metrics),
        kinds=np.array([metric.kind for metric in metrics], dtype=np.int8),
        values=np.ascontiguousarray(np.moveaxis(block, 1, 0)),
    )


def aa_table(
    warehouse: Warehouse,
    compiled_catalog: Path,
    *,
    last_day: date,
    reporting_timezone: str,
) -> pd.DataFrame:
    """Return the rates of every additive metric over the 28 days up to `last_day`.

    Rates that were made of the same days and loads by the same declarations are kept:
    a night without news reads no event.
    """
    metrics = additive_metrics(warehouse, compiled_catalog)
    hashes = {metric.name: metric.definition_hash for metric in metrics}
    made_of: dict[str, Any] = {
        "last_date": last_day,
        "reporting_timezone": reporting_timezone,
        "built_through_load_id": _newest_load(warehouse),
    }
    kept = _kept(warehouse, made_of, hashes)
    if kept is not None or not metrics:
        empty = pd.DataFrame(columns=list(AA_VALIDATION.column_names))
        return empty if kept is None else kept
    persons = read_persons(
        warehouse, metrics, last_day=last_day, reporting_timezone=reporting_timezone
    )
    table = aa_validation(persons).assign(
        first_date=last_day - timedelta(DAYS - 1), **made_of
    )
    table["definition_hash"] = table["metric_name"].map(hashes)
    return table[list(AA_VALIDATION.column_names)]


def _newest_load(warehouse: Warehouse) -> str:
    days = "select coalesce(max(last_load_id), '') from intermediate.int_event_days"
    return str(warehouse.read(days).iloc[0, 0])


def _kept(
    warehouse: Warehouse, made_of: dict[str, Any], hashes: dict[str, str]
) -> pd.DataFrame | None:
    if AA_VALIDATION.qualified not in warehouse.tables(AA_VALIDATION.schema):
        return None
    found = warehouse.read(f"select * from {AA_VALIDATION.qualified}")
    if list(found.columns) != list(AA_VALIDATION.column_names) or found.empty:
        return None
    same = dict(zip(found["metric_name"], found["definition_hash"], strict=True))
    told = found.assign(last_date=pd.to_datetime(found["last_date"]).dt.date)
    is_same = (told[list(made_of)] == pd.Series(made_of)).all(axis=None)
    return found if is_same and same == hashes else None
