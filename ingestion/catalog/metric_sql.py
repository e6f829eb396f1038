"""The SQL of one metric: filters, values, dimensions, and the hash of its meaning.

Belongs here: what a metric type consists of. Not here: files and the rest of the
catalog (`compiler`), and how the parts become figures (dbt).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlglot import exp

from ingestion.catalog.columns import EVENT_COLUMNS
from ingestion.catalog.expressions import NUMBER_TYPE, compile_expression
from ingestion.catalog.fields import ANY_EVENT, window_seconds
from ingestion.catalog.models import (
    ActivePersonsMetric,
    AverageMetric,
    Catalog,
    ConversionMetric,
    EventFilter,
    EventMetric,
    Metric,
    RatioMetric,
    RatioPart,
    RetentionMetric,
    TimeToMetric,
    UniqueValuesMetric,
)

Role = Literal["value", "numerator", "denominator"]
Component = dict[str, Any]

_EXACT_NUMBER: Final = re.compile(r"(?i:revenue|value|property_number\('[^']*'\))")

# Raise it when the same declaration begins to mean other figures.
_MEANING_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class CompiledMetric:
    """What the figures of one metric are made of, in the engine's SQL.

    `components` serve simple types and ratios; the fields after them serve
    conversion, time_to and retention (there the second filter is the return).
    `definition_hash` changes with whatever changes a figure, and with nothing else.
    """

    components: tuple[Component, ...]
    dimensions: tuple[dict[str, str], ...]
    uses_person_properties: bool
    base_filter_sql: str | None
    conversion_filter_sql: str | None
    window_seconds: int | None
    count_by: str | None
    statistic: str | None
    retention_day: int | None
    definition_hash: str


@dataclass(slots=True)
class MetricCompiler:
    """Compiles the metrics of one catalog to one dialect."""

    catalog: Catalog
    dialect: str
    _uses_person_properties: bool = field(default=False, init=False)

    def compile(self, metric: Metric) -> CompiledMetric:
        """Give the compiled form of a checked metric."""
        self._uses_person_properties = False
        pair = _pair_of(metric)
        parts: dict[str, Any] = {
            "components": tuple(self._components(metric)),
            "dimensions": tuple(
                {"name": dimension.name, "sql": self._scalar(dimension.sql)}
                for dimension in metric.dimensions
            ),
            "base_filter_sql": self._filter(pair[0]) if pair else None,
            "conversion_filter_sql": self._filter(pair[1]) if pair else None,
            "window_seconds": _window_of(metric),
            "count_by": getattr(metric, "count_by", None),
            "statistic": getattr(metric, "statistic", None),
            "retention_day": getattr(metric, "day", None),
        }
        parts["uses_person_properties"] = self._uses_person_properties
        return CompiledMetric(**parts, definition_hash=_meaning_hash(metric, parts))

    def _components(self, metric: Metric) -> list[Component]:
        match metric:
            case AverageMetric():
                return [
                    self._component(metric, "numerator", "sum"),
                    self._component(metric, "denominator", "count_values"),
                ]
            case RatioMetric():
                return [
                    self._side(metric.numerator, "numerator"),
                    self._side(metric.denominator, "denominator"),
                ]
            case ConversionMetric() | TimeToMetric() | RetentionMetric():
                return []
            case _:
                return [self._component(metric, "value", metric.type)]

    def _component(
        self,
        part: EventMetric | ActivePersonsMetric | RatioPart,
        role: Role,
        aggregate: str,
    ) -> Component:
        if isinstance(part, ActivePersonsMetric):
            names_sql = activity_filter(self.catalog, self.dialect)
        else:
            names_sql = named_events(part.event or (), self.dialect)
        value = getattr(part, "value", None)
        return {
            "role": role,
            "aggregate": aggregate,
            "filter_sql": self._and_where(names_sql, part.where),
            "value_sql": None if value is None else self._value(part, value),
            "percentile": getattr(part, "percentile", None),
            "window_days": getattr(part, "window_days", None),
        }

    def _side(self, side: RatioPart, role: Role) -> Component:
        if side.metric is None:
            return self._component(side, role, str(side.type))
        found = next(m for m in self.catalog.metrics if m.name == side.metric)
        [component] = self._components(found)
        return {**component, "role": role}

    def _filter(self, part: EventFilter) -> str:
        return self._and_where(named_events(part.event, self.dialect), part.where)

    def _and_where(self, names_sql: str, where: str | None) -> str:
        if where is None:
            return names_sql
        compiled = compile_expression(
            where, columns=EVENT_COLUMNS, kind="condition", dialect=self.dialect
        )
        self._uses_person_properties |= compiled.uses_person_properties
        return f"{names_sql} AND ({compiled.sql})"

    def _scalar(self, text: str) -> str:
        compiled = compile_expression(
            text, columns=EVENT_COLUMNS, kind="scalar", dialect=self.dialect
        )
        self._uses_person_properties |= compiled.uses_person_properties
        return compiled.sql

    def _value(self, part: object, text: str) -> str:
        if isinstance(part, UniqueValuesMetric):
            return f"CAST({self._scalar(text)} AS TEXT)"
        return self._number(text)

    def _number(self, text: str) -> str:
        # Decimals, because a sum of doubles depends on the order of the rows.
        sql = self._scalar(text)
        if _EXACT_NUMBER.fullmatch(text.strip()):
            return sql
        return f"TRY_CAST({sql} AS {NUMBER_TYPE})"


def activity_filter(catalog: Catalog, dialect: str) -> str:
    """Give the SQL that says which events show that a person was there.

    Every event does that the tracking plan does not exempt, the undeclared too.
    """
    silent = [event.name for event in catalog.events.events if not event.is_activity]
    return f"NOT {named_events(silent, dialect)}" if silent else "TRUE"


def named_events(names: Collection[str], dialect: str) -> str:
    """Give the SQL that picks events by name; "*" among the names picks all."""
    if ANY_EVENT in names:
        return "TRUE"
    listed = ", ".join(
        exp.Literal.string(name).sql(dialect=dialect) for name in sorted(names)
    )
    return f"event_name IN ({listed})"


def _pair_of(metric: Metric) -> tuple[EventFilter, EventFilter] | None:
    match metric:
        case ConversionMetric() | TimeToMetric():
            return metric.base, metric.conversion
        case RetentionMetric():
            return metric.base, metric.returning
        case _:
            return None


def _window_of(metric: Metric) -> int | None:
    if isinstance(metric, ConversionMetric | TimeToMetric):
        return window_seconds(metric.window)
    return None


def _meaning_hash(metric: Metric, parts: dict[str, Any]) -> str:
    """Hash what changes figures; the order of dimensions does not."""
    by_name = sorted(parts["dimensions"], key=lambda dimension: str(dimension["name"]))
    meaning = {
        **parts,
        "version": _MEANING_VERSION,
        "type": metric.type,
        "periods": metric.periods,
        "include_bots": metric.include_bots,
        "dimensions": by_name,
    }
    return content_hash(meaning)


def content_hash(value: object) -> str:
    """Give the md5 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
