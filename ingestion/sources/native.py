"""Native events: keys of a line become columns by the aliases of `ingestion.events`.

Belongs here: which key fills which column when an event carries several, what stays
in the properties, and what is read inside `context` and `user`. Not here: the names
themselves (`ingestion.events`).
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.events import (
    ALIASES,
    CONTEXT_PATHS,
    ID_COLUMNS,
    PERSON_CONTAINERS,
    PROPERTY_CONTAINERS,
    TEXT_COLUMNS,
    USER_PATHS,
)
from ingestion.sources.event_sql import (
    Entry,
    EventSql,
    as_object,
    entry,
    exact_timestamp,
    identity,
    is_object,
    loose_timestamp,
    merged,
    overflow_entries,
    struct_field,
    trimmed,
)
from ingestion.sources.page import with_page_parts
from ingestion.sources.shapes import Shapes
from ingestion.sql_text import text_list

_CONTEXT = "context"


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which keys the lines have: for each column, containers, and all others."""

    aliases: dict[str, tuple[str, ...]]
    containers: tuple[str, ...]
    persons: tuple[str, ...]
    others: tuple[str, ...]
    has_context: bool

    @classmethod
    def of(cls, keys: tuple[str, ...]) -> _Layout:
        present = set(keys)
        aliases = {
            column: tuple(alias for alias in names if alias in present)
            for column, names in ALIASES.items()
        }
        containers = tuple(key for key in PROPERTY_CONTAINERS if key in present)
        persons = tuple(key for key in PERSON_CONTAINERS if key in present)
        read = {alias for names in aliases.values() for alias in names}
        others = present - read - set(containers) - set(persons)
        return cls(
            aliases,
            containers,
            persons,
            tuple(key for key in keys if key in others),
            _CONTEXT in present,
        )

    def structure(self) -> dict[str, str]:
        """Give the type of every key: text where it is the column's only alias."""
        kinds = dict.fromkeys((*self.containers, *self.persons, *self.others), "JSON")
        for names in self.aliases.values():
            kinds |= dict.fromkeys(names, "JSON")
            if names and names[0] != "user":
                kinds[names[0]] = "VARCHAR"
        return kinds


def event_sql(shapes: Shapes) -> EventSql:
    """Say how lines with these keys become events."""
    layout = _Layout.of(shapes.keys)
    structure = layout.structure()
    occurred, received = _text(layout, "occurred_at"), _text(layout, "received_at")
    fields = {
        "__own_properties": _own_properties(layout),
        "__occurred_exact": exact_timestamp(occurred),
        "__received_exact": exact_timestamp(received),
    }
    if layout.has_context:
        paths = [path for group in CONTEXT_PATHS.values() for path in group]
        context = struct_field(_CONTEXT)
        fields["__context_texts"] = (
            f"json_extract_string({context}, [{text_list(paths)}])"
        )
    event = EventSql(
        structure=structure,
        fields=fields,
        event_name=trimmed(_text(layout, "event_name")),
        event_id=identity(_text(layout, "event_id")),
        occurred_text=f"nullif({occurred}, '')",
        occurred_at=_time("__occurred_exact", occurred),
        received_at=_time("__received_exact", received),
        ids={column: identity(_text(layout, column)) for column in ID_COLUMNS},
        texts={column: _text(layout, column) for column in TEXT_COLUMNS},
        revenue_text=f"nullif({_text(layout, 'revenue')}, '')",
        value_text=f"nullif({_text(layout, 'value')}, '')",
        properties=_properties(layout, shapes, structure),
    )
    return with_page_parts(event, _addresses(layout))


_NULL = "null::varchar"


def _time(exact: str, value: str) -> str:
    return (
        f"case when {exact} is not null then {exact} else {loose_timestamp(value)} end"
    )


def _text(layout: _Layout, column: str) -> str:
    """Give the text of a column: its first alias that the event carries."""
    found = [
        _scalar(alias, is_first=i == 0)
        for i, alias in enumerate(layout.aliases[column])
    ]
    if layout.has_context and column in CONTEXT_PATHS:
        found.extend(_context_texts(column))
    if not found:
        return _NULL
    return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"


def _scalar(alias: str, *, is_first: bool) -> str:
    value = struct_field(alias)
    if alias == "user":
        paths = text_list(USER_PATHS)
        inside = f"list_any_value(json_extract_string({value}, [{paths}]))"
        plain = f"json_extract_string({value}, '$')"
        return f"case when {is_object(value)} then {inside} else {plain} end"
    return value if is_first else f"json_extract_string({value}, '$')"


def _context_texts(column: str) -> list[str]:
    before = 0
    for name, paths in CONTEXT_PATHS.items():
        if name == column:
            return [f"__context_texts[{before + i + 1}]" for i in range(len(paths))]
        before += len(paths)
    return []


def _addresses(layout: _Layout) -> list[str]:
    """Give the texts of all names that may hold the page's address."""
    names = layout.aliases["page"]
    found = [_scalar(alias, is_first=not i) for i, alias in enumerate(names)]
    return [*found, *(_context_texts("page") if layout.has_context else [])]


def _own_properties(layout: _Layout) -> str:
    objects = [as_object(struct_field(key)) for key in layout.containers]
    return f"coalesce({', '.join(objects)})" if objects else _NULL


def _properties(layout: _Layout, shapes: Shapes, structure: dict[str, str]) -> str:
    """Give the properties: the client's object and all that filled no column."""
    entries = [
        *_container_entries(layout),
        *_person_entries(layout),
        *_leftover_entries(layout),
        *_unread_time(layout),
        *(entry(key, struct_field(key)) for key in layout.others),
    ]
    base = "__own_properties" if layout.containers else None
    overflow = overflow_entries(structure) if shapes.overflow else None
    return merged(base, entries, overflow)


def _container_entries(layout: _Layout) -> list[Entry]:
    """Keep under their own names the containers that are not the properties."""
    entries = []
    earlier: list[str] = []
    for key in layout.containers:
        value, found = struct_field(key), as_object(struct_field(key))
        is_free = f"coalesce({', '.join(earlier)}) is null" if earlier else "true"
        kept = (
            f"case when {is_free} and ({found}) is not null then null else {value} end"
        )
        condition = f"{value} is not null"
        if not earlier:
            condition = f"not {is_object(value)}"
        entries.append(Entry(key, kept, condition))
        earlier.append(f"({found})")
    return entries


def _person_entries(layout: _Layout) -> list[Entry]:
    """Put the first object about the person under `$set`, others as they are."""
    entries = []
    objects = [
        f"case when {is_object(value)} then {value}::varchar end"
        for value in map(struct_field, layout.persons)
    ]
    if objects:
        entries.append(entry("$set", f"coalesce({', '.join(objects)})"))
    for i, key in enumerate(layout.persons):
        value = struct_field(key)
        is_free = f"coalesce({', '.join(objects[:i])}) is null" if i else "true"
        taken = f"{is_free} and {is_object(value)}"
        kept = f"case when {taken} then null else {value} end"
        name = key if key != "$set" else "$event.$set"
        entries.append(Entry(name, kept, f"{value} is not null"))
    return entries


def _leftover_entries(layout: _Layout) -> list[Entry]:
    """Keep what an alias said when a better one filled its column otherwise."""
    entries = []
    for column, names in layout.aliases.items():
        for i, key in enumerate(names):
            value = struct_field(key)
            whole = is_object(value) if key == "user" else "false"
            differs = "false"
            if i:
                sent = _scalar(key, is_first=False)
                differs = f"{sent} is distinct from {_text(layout, column)}"
            if i or key == "user":
                kept = f"case when {whole} or {differs} then {value} end"
                entries.append(Entry(key, kept, f"{value} is not null"))
    return entries


def _unread_time(layout: _Layout) -> list[Entry]:
    """Keep a time of receipt that could not be read; the event is good without."""
    sent = _text(layout, "received_at")
    if sent == _NULL:
        return []
    unread = f"__received_at is null and {sent} <> ''"
    return [Entry("received_at", f"to_json({sent})::varchar", unread)]
