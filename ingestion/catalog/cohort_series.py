"""Series: the events of a filter, reduced to one row per person and day.

Cohorts, lifecycle, stickiness and segments are all counted from such rows. Two
definitions that look at the same events share one series, because its key is a hash of
its meaning. Belongs here: what a series is, and its SQL. Not here: what is counted from
it (`retention_sql`, `engagement_sql`), and how it is kept up to date (dbt).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

import pyarrow as pa

from ingestion.catalog.columns import EVENT_COLUMNS
from ingestion.catalog.expressions import (
    NUMBER_TYPE,
    ExpressionKind,
    compile_expression,
)
from ingestion.catalog.metric_sql import activity_filter, content_hash, named_events
from ingestion.catalog.models import Catalog, EventFilter
from ingestion.catalog.retention_models import ActivityFilter, CohortDefinition
from ingestion.catalog.settings import CatalogSettings

Grain = Literal["day", "hour", "instant"]
Row = dict[str, Any]

# Raise it when the same series begins to mean other rows.
_MEANING_VERSION: Final = 1
_TEXT: Final = pa.string()

SERIES_COLUMNS: Final = pa.schema(
    [
        pa.field("series_key", _TEXT),
        pa.field("filter_sql", _TEXT),
        pa.field("unit_sql", _TEXT),
        pa.field("timezone", _TEXT),
        pa.field("grain", _TEXT),
        pa.field("keeps_first", pa.bool_()),
        pa.field("match_sql", _TEXT),
        pa.field("group_sql", _TEXT),
        pa.field("is_grouped", pa.bool_()),
        pa.field("value_sql", _TEXT),
        pa.field("uses_person_properties", pa.bool_()),
        pa.field("include_excluded_traffic", pa.bool_()),
    ]
)


@dataclass(frozen=True, slots=True)
class Series:
    """The events of a filter per unit (a person, or what `count_by` says) and bucket.

    `grain` is the bucket: a local day or hour of `timezone`, or the very instant (UTC).
    With `keeps_first` each row also tells when its first event was, whether that one
    meets `match_sql`, and the value of `group_sql` it carries; with `is_grouped` there
    is one row for each value instead. `value_sql` is added up.
    """

    filter_sql: str
    unit_sql: str
    timezone: str
    grain: Grain
    keeps_first: bool
    match_sql: str | None
    group_sql: str | None
    is_grouped: bool
    value_sql: str | None
    uses_person_properties: bool
    include_excluded_traffic: bool

    @property
    def key(self) -> str:
        """A hash of the meaning: equal series are one."""
        return content_hash({**asdict(self), "version": _MEANING_VERSION})


@dataclass(slots=True)
class SeriesCompiler:
    """Compiles the filters of one definition to series."""

    catalog: Catalog
    settings: CatalogSettings
    dialect: str
    definition: CohortDefinition
    _uses_person_properties: bool = field(default=False, init=False)

    @property
    def timezone(self) -> str:
        """The definition's time zone, else that of the run."""
        return self.definition.timezone or self.settings.reporting_timezone

    @property
    def week_start(self) -> str:
        """The definition's first day of a week, else that of the run."""
        return self.definition.week_start or self.settings.week_start

    def series(
        self,
        events: EventFilter | ActivityFilter,
        *,
        grain: Grain,
        keeps_first: bool = False,
        group: str | None = None,
        is_grouped: bool = False,
        match_apart: bool = False,
        value: str | None = None,
    ) -> Series:
        """Give the series of a filter; `match_apart` leaves `where` to `match_sql`."""
        self._uses_person_properties = False
        names_sql = self._names(events)
        where = self._condition(events.where)
        conditions = [names_sql, self._condition(self.definition.where)]
        conditions += [] if match_apart else [where]
        unit_sql = self._scalar(self.definition.count_by)
        group_sql = None if group is None else self._scalar(group)
        return Series(
            filter_sql=" AND ".join(part for part in conditions if part) or "TRUE",
            unit_sql=unit_sql,
            timezone="UTC" if grain == "instant" else self.timezone,
            grain=grain,
            keeps_first=keeps_first,
            match_sql=where if match_apart else None,
            group_sql=group_sql,
            is_grouped=is_grouped,
            value_sql=None if value is None else self._number(value),
            uses_person_properties=self._uses_person_properties,
            include_excluded_traffic=self.definition.include_bots,
        )

    def _names(self, events: EventFilter | ActivityFilter) -> str:
        if events.event is None:
            return activity_filter(self.catalog, self.dialect)
        return named_events(events.event, self.dialect)

    def _condition(self, text: str | None) -> str | None:
        return None if text is None else f"({self._compiled(text, 'condition')})"

    def _number(self, text: str) -> str:
        # Decimals, because a sum of doubles depends on the order of the rows.
        return f"TRY_CAST({self._scalar(text)} AS {NUMBER_TYPE})"

    def _scalar(self, text: str) -> str:
        return self._compiled(text, "scalar")

    def _compiled(self, text: str, kind: ExpressionKind) -> str:
        compiled = compile_expression(
            text, columns=EVENT_COLUMNS, kind=kind, dialect=self.dialect
        )
        self._uses_person_properties |= compiled.uses_person_properties
        return compiled.sql


def series_rows(series: Iterable[Series]) -> list[Row]:
    """Give one row per distinct series, in order of key; see `SERIES_COLUMNS`."""
    distinct = {one.key: one for one in series}
    return [{"series_key": key, **asdict(one)} for key, one in sorted(distinct.items())]


def canonical_json(value: object) -> str:
    """Give compact JSON, as tables of the compiled catalog hold it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
