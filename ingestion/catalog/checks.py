"""What only the whole catalog can tell: names that must exist, expressions that fit.

Each function looks at one declared object that already has the right shape and gives
its problems. Not here: shapes (models) and reading (`documents`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, Literal

from ingestion.catalog.binding import ExpressionBinder, is_numeric
from ingestion.catalog.columns import (
    EVENT_COLUMNS,
    LANDED_COLUMNS,
    NEVER_DIMENSIONS,
)
from ingestion.catalog.documents import Document, PathInFile, Problem
from ingestion.catalog.expressions import (
    ExpressionError,
    ExpressionKind,
    compile_expression,
)
from ingestion.catalog.fields import ANY_EVENT
from ingestion.catalog.funnel_models import FunnelSpec
from ingestion.catalog.models import (
    ActivePersonsMetric,
    CountMetric,
    DimensionSpec,
    EventsFile,
    EventSpec,
    Metric,
    RatioMetric,
    SourceSpec,
    SumMetric,
    TimestampSpec,
    UniquePersonsMetric,
    UniqueValuesMetric,
)
from ingestion.catalog.networks import is_finer_than_truncated
from ingestion.catalog.suggestions import nearest_name

Need = Literal["condition", "number", "anything"]

_RATIO_SIDES = (CountMetric, UniquePersonsMetric, SumMetric, ActivePersonsMetric)


@dataclass(frozen=True, slots=True)
class Part:
    """A declared object, where it stands, and how messages call it."""

    document: Document
    path: PathInFile
    label: str

    def problem(
        self,
        inner: PathInFile,
        message: str,
        suggestion: str | None = None,
        offset: int | None = None,
    ) -> Problem:
        """Place a problem inside this object."""
        prefix = f"{self.label}: " if self.label else ""
        return self.document.problem(
            (*self.path, *inner),
            prefix + message,
            suggestion=suggestion,
            offset=offset,
        )


@dataclass(frozen=True, slots=True)
class KnownNames:
    """The names a declaration may refer to.

    `malformed_metrics` and `malformed_funnels` also hold those whose own errors are
    reported elsewhere.
    `definitions` are the other lists of the catalog, by key.
    """

    events: Collection[str]
    metrics: Mapping[str, Metric]
    malformed_metrics: Collection[str]
    funnels: Mapping[str, FunnelSpec]
    malformed_funnels: Collection[str]
    definitions: Mapping[str, Sequence[Any]] = dataclass_field(default_factory=dict)

    def names(self, key: str) -> list[str]:
        """Give the names of one list of definitions."""
        return [one.name for one in self.definitions.get(key, ())]

    def definition(self, key: str, name: str) -> Any | None:
        """Give a definition of a list by its name, if there is one."""
        found = (one for one in self.definitions.get(key, ()) if one.name == name)
        return next(found, None)


def check_distinct_names(parts: Iterable[tuple[Part, str]]) -> Iterator[Problem]:
    """Report every name that an earlier object already has."""
    seen: dict[str, int] = {}
    for part, name in parts:
        here = part.problem(("name",), "")
        if name in seen:
            yield part.problem(
                ("name",), f"the name is taken already, on line {seen[name]}"
            )
        seen.setdefault(name, here.line)


def check_events(
    file: EventsFile, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check page views and traffic rules of events.yml."""
    # The default names an event that a small plan need not have.
    if "page_view_events" in file.model_fields_set:
        for index, name in enumerate(file.page_view_events):
            yield from check_event_name(part, ("page_view_events", index), name, known)
    yield from _networks(file, part)
    for rule in ("bots", "internal"):
        text = getattr(file.traffic, rule)
        yield from _fits(
            part,
            ("traffic", rule),
            text,
            need="condition",
            columns=LANDED_COLUMNS,
            binder=binder,
        )


def _networks(file: EventsFile, part: Part) -> Iterator[Problem]:
    """Check that what landing leaves of an address still tells the network."""
    for index, text in enumerate(file.traffic.internal_networks):
        path = ("traffic", "internal_networks", index)
        if file.ip_addresses == "drop":
            yield part.problem(
                path, "`ip_addresses: drop` leaves no address to compare with"
            )
        elif file.ip_addresses == "truncate" and is_finer_than_truncated(text):
            yield part.problem(
                path,
                f"'{text}' is finer than /24 (IPv6: /48), to which addresses are "
                "truncated when they land: name the wider network",
            )


def check_event(event: EventSpec, part: Part) -> Iterator[Problem]:
    """Check that personal data is named by a property or a column.

    A name with a dot leads into an object, whose members nobody declares.
    """
    valid = {*event.properties, *LANDED_COLUMNS}
    for name in event.personal:
        if name not in valid and "." not in name:
            yield part.problem(
                ("personal", name),
                f"'{name}' is neither a property of the event nor a column",
                nearest_name(name, valid),
            )


def check_metric(
    metric: Metric, part: Part, known: KnownNames, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the events, expressions, dimensions and references of one metric."""
    yield from check_event_filter((), metric, part, known, binder)
    for name in ("base", "conversion", "returning", "numerator", "denominator"):
        if hasattr(metric, name):
            inner = getattr(metric, name)
            yield from check_event_filter((name,), inner, part, known, binder)
    if isinstance(metric, RatioMetric):
        yield from _check_references(metric, part, known)
    yield from _check_dimensions(metric, part, binder)


def check_event_filter(
    path: PathInFile,
    holder: Any,
    part: Part,
    known: KnownNames,
    binder: ExpressionBinder,
) -> Iterator[Problem]:
    """Check the event names, the condition and the value of anything that has some."""
    names = getattr(holder, "event", None) or ()
    for index, name in enumerate(names):
        yield from check_event_name(part, (*path, "event", index), name, known)
    value: Need = "anything" if isinstance(holder, UniqueValuesMetric) else "number"
    needs: tuple[tuple[str, Need], ...] = (("where", "condition"), ("value", value))
    for field, need in needs:
        yield from _fits(
            part,
            (*path, field),
            getattr(holder, field, None),
            need=need,
            columns=EVENT_COLUMNS,
            binder=binder,
        )


def check_event_name(
    part: Part, path: PathInFile, name: str, known: KnownNames
) -> Iterator[Problem]:
    """Check that an event is declared; "*" is every event."""
    if name != ANY_EVENT and name not in known.events:
        yield part.problem(
            path,
            f"the event '{name}' is not declared in events.yml",
            nearest_name(name, known.events),
        )


def _check_references(
    metric: RatioMetric, part: Part, known: KnownNames
) -> Iterator[Problem]:
    for side in ("numerator", "denominator"):
        name = getattr(metric, side).metric
        if name is None:
            continue
        found = known.metrics.get(name)
        if found is None:
            if name not in known.malformed_metrics:
                near = nearest_name(name, known.metrics)
                yield part.problem((side,), f"no metric is called '{name}'", near)
        elif not isinstance(found, _RATIO_SIDES):
            yield part.problem(
                (side,),
                f"'{name}' is of type {found.type}; a side of a ratio is a count, "
                "unique_persons, sum or active_persons",
            )
        elif getattr(found, "window_days", None) is not None:
            yield part.problem(
                (side,), f"'{name}' counts trailing days, a ratio only the period"
            )
        elif found.include_bots != metric.include_bots:
            yield part.problem(
                (side,), f"'{name}' and this ratio differ in `include_bots`"
            )


def _check_dimensions(
    metric: Metric, part: Part, binder: ExpressionBinder
) -> Iterator[Problem]:
    for index, dimension in enumerate(metric.dimensions):
        yield from check_dimension(("dimensions", index), dimension, part, binder)


def check_dimension(
    path: PathInFile, dimension: DimensionSpec, part: Part, binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check the expression of a dimension, and that it makes groups."""
    path = (*path, "sql")
    if dimension.sql.strip().lower() in NEVER_DIMENSIONS:
        yield part.problem(
            path, f"`{dimension.sql}` differs in every event: group it first"
        )
        return
    yield from check_expression(part, path, dimension.sql, "anything", binder)


def check_expression(
    part: Part,
    path: PathInFile,
    text: str | None,
    need: Need,
    binder: ExpressionBinder,
) -> Iterator[Problem]:
    """Check an expression over the columns of an event; none is no problem."""
    yield from _fits(part, path, text, need=need, columns=EVENT_COLUMNS, binder=binder)


def _fits(
    part: Part,
    path: PathInFile,
    text: str | None,
    *,
    need: Need,
    columns: Collection[str],
    binder: ExpressionBinder,
) -> Iterator[Problem]:
    if text is None:
        return
    kind: ExpressionKind = "condition" if need == "condition" else "scalar"
    try:
        compiled = compile_expression(text, columns=columns, kind=kind)
        if columns is LANDED_COLUMNS and compiled.uses_person_properties:
            raise ExpressionError("traffic is judged before persons are known")
        found = binder.type_of(compiled.sql)
        if need == "condition" and found != "BOOLEAN":
            raise ExpressionError(f"a yes/no condition is needed, this gives {found}")
        if need == "number" and not is_numeric(found):
            raise ExpressionError(
                f"a number is needed, this gives {found}; "
                "a number among the properties is property_number('name')"
            )
    except ExpressionError as error:
        yield part.problem(path, error.message, error.suggestion, error.offset)


def check_source(source: SourceSpec, part: Part) -> Iterator[Problem]:
    """Check every expression of a table source; its columns are the files'."""
    texts: list[tuple[PathInFile, str | None, ExpressionKind]] = [
        (("event_name",), source.event_name, "scalar"),
        (("event_id",), source.event_id, "scalar"),
        (("where",), source.where, "condition"),
    ]
    for name in ("occurred_at", "received_at"):
        spec: TimestampSpec | None = getattr(source, name)
        if spec is not None:
            texts.append(((name, "expression"), spec.expression, "scalar"))
    for column, text in source.columns.items():
        texts.append((("columns", column), text, "scalar"))
    for column, time in source.times.items():
        texts.append((("times", column, "expression"), time.expression, "scalar"))
    if isinstance(source.properties, dict):
        for name, text in source.properties.items():
            texts.append((("properties", name), text, "scalar"))
    for path, expression, kind in texts:
        if expression is None:
            continue
        try:
            compile_expression(expression, columns=None, kind=kind)
        except ExpressionError as error:
            yield part.problem(path, error.message, error.suggestion, error.offset)
