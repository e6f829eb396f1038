"""What a metric was like of the persons who would have been exposed.

An experiment at the checkout sees those who come to the checkout: their level, their
spread and how many of them come a day, not those of everybody. Here belongs the query
of their figures; what is planned by them is in `analysis.experiment_plan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from dagster_project import figures
from dagster_project.aa_persons import DAYS, AdditiveMetric, additive_metrics
from dagster_project.analysis.aa_validation import Persons, spreads_of
from dagster_project.analysis.experiment_plan import History
from dagster_project.analysis.experiments.study import MetricKind
from dagster_project.settings import Settings
from dagster_project.warehouse import Warehouse

# With fewer the spread is not known to 15 %, nor the sample size to 30 %.
LEAST_UNITS = 30


@dataclass(frozen=True)
class Exposures:
    """First exposures of a span of days whose windows are all over.

    `first` and `after` bound the exposures (UTC); `days` of them had data.
    """

    events: tuple[str, ...]
    window: timedelta
    first: datetime
    after: datetime
    days: float


def exposed_history(
    warehouse: Warehouse,
    settings: Settings,
    metric: str,
    events: Sequence[str],
    window_seconds: int,
) -> History | None:
    """Return the history of a metric over persons with one of the events, or None.

    Persons count from their first such event of the last 28 days whose windows are
    over; their figure is that of the window after it, adjusted by that of the 28 local
    days before, as experiments adjust. None without a warehouse or a whole day, where
    fewer than 30 persons had the event, and for metrics that do not add up over events.
    """
    if not warehouse.path.exists():
        return None
    found = additive_metrics(warehouse, settings.compiled_catalog)
    chosen = [one for one in found if one.name == metric]
    last_day = figures.watermark(warehouse).last_day
    if not chosen or last_day is None:
        return None
    zone = ZoneInfo(settings.reporting_timezone)
    exposures = _exposures(warehouse, events, window_seconds, last_day, zone)
    persons = read_exposed(warehouse, chosen[0], exposures, zone)
    count = persons.values.shape[1]
    if count < LEAST_UNITS or exposures.days <= 0:
        return None
    spreads = spreads_of(persons)
    is_proportion = chosen[0].kind == MetricKind.PROPORTION
    return History(
        metric_name=metric,
        level=float(spreads["level"][0]),
        std_dev=float(spreads["adjusted_std_dev"][0]),
        is_proportion=is_proportion,
        units_per_day=count / exposures.days,
        basis=f"{count:,} persons with {' or '.join(events)} in "
        f"{exposures.days:.0f} days, over {_span(exposures.window)} after it",
    )


def _exposures(
    warehouse: Warehouse,
    events: Sequence[str],
    window_seconds: int,
    last_day: date,
    zone: ZoneInfo,
) -> Exposures:
    window = timedelta(seconds=window_seconds)
    end = datetime.combine(last_day + timedelta(days=1), time(), zone)
    after = end.astimezone(ZoneInfo("UTC")).replace(tzinfo=None) - window
    first = after - timedelta(days=DAYS)
    begun = warehouse.read("select min(occurred_at) as at from intermediate.int_events")
    at = begun["at"].iloc[0]
    # A young product has fewer days to come in.
    known = first if pd.isna(at) else max(first, pd.Timestamp(at).to_pydatetime())
    return Exposures(
        tuple(events), window, first, after, (after - known) / timedelta(days=1)
    )


def read_exposed(
    warehouse: Warehouse,
    metric: AdditiveMetric,
    exposures: Exposures,
    zone: ZoneInfo,
) -> Persons:
    """Return the metric of each exposed person: after the exposure, and before."""
    seconds = int(exposures.window.total_seconds())
    spans = (
        f"occurred_at >= exposed_at and occurred_at < exposed_at + {seconds} "
        "* interval '1' second",
        f"local_date < exposed_on and local_date >= exposed_on - {DAYS}",
    )
    columns = [
        "0.0" if amount is None else amount.replace("{inside}", f"({span})")
        for span in spans
        for amount in (metric.numerator, metric.denominator)
    ]
    shown = ", ".join(f"{sql} as f{place}" for place, sql in enumerate(columns))
    names = ", ".join("?" for _ in exposures.events)
    frame = warehouse.read(
        "with exposures as (select person_id, min(occurred_at) as exposed_at "
        f"from intermediate.int_events where event_name in ({names}) "
        "and not is_bot and not is_internal and person_id is not null "
        "and event_date between cast(? as date) and cast(? as date) "
        "and occurred_at >= ? and occurred_at < ? group by person_id), "
        "events as (select all_events.*, exposures.exposed_at, "
        f"cast({_local('exposures.exposed_at', zone)} as date) as exposed_on, "
        f"cast({_local('all_events.occurred_at', zone)} as date) as local_date "
        "from intermediate.int_events as all_events "
        "inner join exposures on all_events.person_id = exposures.person_id "
        f"where all_events.event_date >= cast(? as date) - {DAYS + 2}) "
        f"select {shown} from events group by person_id order by person_id",
        [
            *exposures.events,
            *(exposures.first, exposures.after),
            *(exposures.first, exposures.after),
            exposures.first,
        ],
    )
    block = frame.to_numpy(dtype=np.float64).reshape(len(frame), 1, 4)
    return Persons(
        names=(metric.name,),
        kinds=np.array([metric.kind], dtype=np.int8),
        values=np.ascontiguousarray(np.moveaxis(block, 1, 0)),
    )


def _local(column: str, zone: ZoneInfo) -> str:
    return f"timezone('{zone.key}', timezone('UTC', {column}))"


def _span(window: timedelta) -> str:
    days, rest = divmod(int(window.total_seconds()), 86_400)
    if not rest:
        return f"{days} day{'' if days == 1 else 's'}"
    return f"{window.total_seconds() / 3_600:g} hours"
