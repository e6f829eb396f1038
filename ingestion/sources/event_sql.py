"""What an adapter says: how the keys of a line become an event, as SQL.

Belongs here: the contract between adapters (`native`, `table`) and `verdicts`, and the
pieces of SQL they share: timestamps, ids, the properties object.

An adapter's expressions see `__raw`, `__file`, `__line`, the struct `__e` that
`json_transform(__raw, structure)` gives, and the names of its own `fields`. Two
underscores keep these apart from the columns of a client's file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ingestion.events import NO_IDENTITY
from ingestion.sql_text import name, text, text_list


class ReadsKeys(Protocol):
    """What reads keys out of a line: the structure to parse, and names for its parts.

    `fields` are expressions over the struct `__e`.
    """

    @property
    def fields(self) -> Mapping[str, str]:
        """Expressions by name."""

    def structure_json(self) -> str:
        """Give the structure of json_transform."""


@dataclass(frozen=True, slots=True)
class EventSql:
    """Expressions for one event; `texts` are columns that need no rule.

    `occurred_text`, `revenue_text` and `value_text` are what was sent, to tell a
    missing value from an unreadable one. `keep` is the condition of a row that is an
    event at all, None = every row.
    """

    structure: Mapping[str, str]
    fields: Mapping[str, str]
    event_name: str
    event_id: str
    occurred_text: str
    occurred_at: str
    received_at: str
    ids: Mapping[str, str]
    texts: Mapping[str, str]
    revenue_text: str
    value_text: str
    properties: str
    keep: str | None = None

    def structure_json(self) -> str:
        """Give the structure of json_transform; one field at least."""
        return json.dumps(dict(self.structure) or {"-": "JSON"}, ensure_ascii=False)


def exact_timestamp(value: str) -> str:
    """Read a point in time written as ISO 8601, UTC without offset."""
    return f"try_cast({value} as timestamptz)::timestamp"


def loose_timestamp(value: str) -> str:
    """Read a point in time that `exact_timestamp` could not: an epoch, odd spacing.

    The unit of an epoch follows from its size: seconds below 1e11, milliseconds below
    1e14, microseconds below 1e17, else nanoseconds.
    """
    tidy = (
        f"regexp_replace(replace(upper(trim({value})), ',', '.'), "
        r"'\s+([+-]\d)', '\1')"
    )
    basic = (
        f"try_strptime({value}, ['%Y%m%dT%H%M%SZ', '%Y%m%dT%H%M%S.%fZ', "
        "'%a, %d %b %Y %H:%M:%S GMT'])"
    )
    return f"coalesce({epoch(value)}, {exact_timestamp(tidy)}, {basic})"


_UNITS: Final = {"epoch_s": "1000000", "epoch_ms": "1000", "epoch_us": "1"}


def epoch(value: str, unit: str | None = None) -> str:
    """Read an epoch as UTC; without a unit its size tells it."""
    factor = _UNITS.get(unit or "") or (
        "case when abs(number) < 1e11 then 1000000 when abs(number) < 1e14 then 1000 "
        "when abs(number) < 1e17 then 1 else 0.001 end"
    )
    # A lambda, because DuckDB lifts an expression that occurs twice out of coalesce
    # and computes it for every row: 0.36 s per 1M events. Outside these bounds
    # make_timestamp raises.
    micros = f"try_cast(round(try(number * {factor})) as bigint)"
    instant = (
        "case when abs(micros) < 9000000000000000000 "
        "then try(make_timestamp(micros)) end"
    )
    return (
        f"list_transform(list_transform([try_cast({value} as decimal(38, 9))], "
        f"lambda number: {micros}), lambda micros: {instant})[1]"
    )


def trimmed(value: str) -> str:
    """Give a text without blanks around it, null if nothing is left.

    Looking at the ends first costs a third of trimming every text.
    """
    blank = f"starts_with({value}, ' ') or ends_with({value}, ' ')"
    return (
        f"case when {blank} then nullif(trim({value}), '') else nullif({value}, '') end"
    )


def one_of(value: str, texts: Iterable[str]) -> str:
    """Give the condition that a text is one of a few; false for null.

    Not `in` and not `list_contains`: DuckDB makes a hash join of each list of six and
    more, through which all columns of the line have to go.
    """
    return f"(list_position([{text_list(texts)}], {value}) is not null)"


def identity(value: str) -> str:
    """Give an id, null where the client sent a text that is none."""
    return f"case when {one_of(value, NO_IDENTITY)} then null else {value} end"


def pointer(key: str) -> str:
    """Give the JSON pointer of a top-level key as a text literal."""
    return text("/" + key.replace("~", "~0").replace("/", "~1"))


def is_object(value: str) -> str:
    """Give the condition that a JSON text is an object."""
    return f"starts_with({value}, '{{')"


def as_object(value: str) -> str:
    """Give a JSON value if it is an object, also one written inside a string."""
    inner = f"json_extract_string({value}, '$')"
    unpacked = (
        f"case when starts_with({value}, '\"') "
        f"and try(json_type({inner})) = 'OBJECT' "
        f"then json({inner})::varchar end"
    )
    return f"case when {is_object(value)} then {value}::varchar else {unpacked} end"


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of the properties: its JSON value, and a cheap condition to have one.

    Most events have none of the rarer entries; the condition spares them the rest.
    """

    key: str
    value: str
    condition: str

    def pair(self, base: str | None) -> str:
        """Give `"key":value`, null where there is none.

        A key that the client's own object has too keeps both: the outer one becomes
        `$event.<key>`.
        """
        label = _label(self.key)
        if base is not None:
            # Looking for the text first spares nearly all events a parse.
            clash = (
                f"case when contains({base}, {label}) "
                f"then json_exists({base}, {pointer(self.key)}) end"
            )
            other = _label(f"$event.{self.key}")
            label = f"case when {clash} then {other} else {label} end"
        return f"case when {self.condition} then {label} || ({self.value}) end"


def entry(key: str, value: str) -> Entry:
    """Give a key that is there whenever its value is not null."""
    return Entry(key, value, f"{value} is not null")


def _written(key: str) -> str:
    return json.dumps(key, ensure_ascii=False) + ":"


def _label(key: str) -> str:
    return text(_written(key))


def overflow_entries(declared: Iterable[str]) -> str:
    """Give the entries of all keys of `__raw` that are not declared, between commas."""
    keys = text_list(declared) or "''"
    path = "'/' || replace(replace(key, '~', '~0'), '/', '~1')"
    return (
        "nullif(array_to_string(list_transform("
        f"list_filter(json_keys(__raw), lambda key: key not in ({keys})), "
        f"lambda key: to_json(key)::varchar || ':' || json_extract(__raw, {path})), "
        "','), '')"
    )


def merged(
    base: str | None, entries: Sequence[Entry], overflow: str | None = None
) -> str:
    """Give the properties object: the client's own object and further entries.

    `overflow` is text of more entries, or null.
    """
    own = base or "null::varchar"
    if not entries and overflow is None:
        return f"coalesce({own}, '{{}}')"
    conditions = [f"({one.condition}) is true" for one in entries]
    if overflow is not None:
        conditions.append("true")
    listed = f"nullif({_listed(base, entries, overflow)}, '')"
    # The end of the client's object closes the whole; cutting only its first
    # character costs a third of cutting both.
    rest = f"coalesce(substr(nullif({own}, '{{}}'), 2), '}}')"
    comma = f"case when {own} <> '{{}}' then ',' else '' end"
    return (
        f"case when {' or '.join(conditions)} "
        f"then coalesce('{{' || {listed} || coalesce({comma}, '') || {rest}, "
        f"{own}, '{{}}') else coalesce({own}, '{{}}') end"
    )


def _listed(base: str | None, entries: Sequence[Entry], overflow: str | None) -> str:
    """Give the pairs of the entries between commas.

    One search for any of their keys in the client's object tells nearly all events
    apart that have no clash; searching for each key costs 2.6 s per 1M events and 11
    keys, where this costs 0.25.
    """
    further = () if overflow is None else (overflow,)

    def joined(known_base: str | None) -> str:
        pairs = (*(one.pair(known_base) for one in entries), *further)
        return f"concat_ws(',', {', '.join(pairs)})"

    if base is None or len(entries) < 3:
        return joined(base)
    keys = "|".join(_literal(_written(one.key)) for one in entries)
    may_clash = f"regexp_matches({base}, {text(keys)})"
    return f"case when {may_clash} then {joined(base)} else {joined(None)} end"


def _literal(sought: str) -> str:
    """Give the pattern that finds a text as it stands."""
    return "".join(
        f"[{sign}]"
        if sign in "|*+?.(){}[$"
        else f"\\{sign}"
        if sign in "\\]^"
        else sign
        for sign in sought
    )


def struct_field(key: str) -> str:
    """Give the field of `__e` that holds a key."""
    return f"__e.{name(key)}"
