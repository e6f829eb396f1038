"""What the adapters of vendors share: keys of a line, members of its objects, ids.

Belongs here: pieces of SQL that more than one vendor's adapter needs. Not here: the
contract of adapters (`event_sql`), any vendor's names (one module each).

The objects of a line stay whole in the properties; the members that fill columns are
read from them by one `json_transform` into a struct (0.45 s per 1M events and 12
members of 0.5 KB; taking what was read out of the object would cost twice that).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ingestion.events import TEXT_COLUMNS
from ingestion.sources.event_sql import (
    Entry,
    as_object,
    entry,
    epoch,
    exact_timestamp,
    loose_timestamp,
    merged,
    one_of,
    overflow_entries,
    struct_field,
    trimmed,
)
from ingestion.sources.shapes import Shapes
from ingestion.sql_text import name, text

NULL: Final = "null::varchar"
_HANDHELD: Final = ("ios", "iphone os", "android", "iphone", "windows phone")
_DESKTOP: Final = (
    *("windows", "macos", "mac os x", "mac os", "mac", "linux", "chrome os"),
    *("chromeos", "ubuntu", "freebsd"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """The top-level keys of a source's lines; `texts` are read as text, not JSON.

    A key that no line has is null, so that an adapter may name all it knows.
    """

    shapes: Shapes
    texts: frozenset[str]

    def structure(self) -> dict[str, str]:
        """Give the structure of `json_transform`."""
        return {
            key: "VARCHAR" if key in self.texts else "JSON" for key in self.shapes.keys
        }

    def value(self, key: str) -> str:
        """Give the value of a key."""
        return struct_field(key) if key in self.shapes.keys else NULL

    def has(self, key: str) -> bool:
        """Say whether any line has a key."""
        return key in self.shapes.keys

    def properties(
        self, base: str | None, entries: Sequence[Entry], used: Collection[str]
    ) -> str:
        """Give the properties: an object, entries, and all keys that are not used."""
        rest = []
        for key in self.shapes.keys:
            if key in used:
                continue
            value = struct_field(key)
            if key in self.texts:
                rest.append(Entry(key, as_json(value), f"{value} is not null"))
            else:
                rest.append(entry(key, value))
        overflow = None
        if self.shapes.overflow:
            overflow = overflow_entries(self.structure())
        # Nearly every event has one of the plain keys: found first, it spares the
        # conditions of all others.
        return merged(base, [*rest, *entries], overflow)


@dataclass(frozen=True, slots=True)
class Members:
    """Members of one JSON object, parsed once into the struct `field`."""

    field: str
    texts: tuple[str, ...]
    objects: tuple[str, ...] = ()

    def parsed(self, value: str) -> str:
        """Give the struct of an object's JSON text."""
        types = dict.fromkeys(self.texts, "VARCHAR")
        types |= dict.fromkeys(self.objects, "JSON")
        return f"json_transform({value}, {text(json.dumps(types))})"

    def value(self, key: str) -> str:
        """Give a member: text, or JSON if it is one of `objects`."""
        if key not in self.texts and key not in self.objects:
            raise KeyError(key)
        return f"{self.field}.{name(key)}"


def own_object(line: Line, key: str) -> str:
    """Give the object under a key, also one written as a string, as JSON text."""
    return as_object(line.value(key)) if line.has(key) else NULL


def no_object(line: Line, key: str, field: str) -> list[Entry]:
    """Keep what stands under the key of an object without being one."""
    value = line.value(key)
    if not line.has(key):
        return []
    return [Entry(key, value, f"{field} is null and {value} is not null")]


def as_json(value: str) -> str:
    """Give a text as a JSON string."""
    return f"to_json({value})::varchar"


def first(*values: str) -> str:
    """Give the first of texts that is not null."""
    found = [value for value in values if value != NULL]
    if not found:
        return NULL
    return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"


def unless(value: str, texts: Collection[str]) -> str:
    """Give a text, null if it is empty or one of the vendor's words for nothing."""
    if value == NULL:
        return NULL
    return f"case when {one_of(value, ('', *texts))} then null else {value} end"


def canonical_name(value: str, names: Mapping[str, str]) -> str:
    """Give the canonical name of what the vendor sends by itself, others as sent."""
    cases = " ".join(
        f"when {text(sent)} then {text(canonical)}" for sent, canonical in names.items()
    )
    return f"case {value} {cases} else {trimmed(value)} end"


def vendor_name(value: str, names: Mapping[str, str]) -> Entry:
    """Keep the vendor's own name of an event that got the canonical one."""
    return Entry("$event_name", as_json(value), one_of(value, names))


def further_ids(candidates: Sequence[str], condition: str) -> Entry:
    """Put ids that the event carries beside its user's and device's under `$ids`.

    The condition must be cheap and false for most events.
    """
    listed = (
        f"list_distinct(list_filter([{', '.join(candidates)}], lambda id: id <> ''))"
    )
    return Entry("$ids", f"nullif({as_json(listed)}, '[]')", condition)


def instant(value: str, exact: str | None = None) -> str:
    """Read a point in time: ISO 8601 first, else an epoch by its size, odd spacing.

    `exact` is a field that holds `exact_timestamp(value)`, so that it is read once.
    """
    found = exact or exact_timestamp(value)
    return (
        f"case when {found} is not null then {found} else {loose_timestamp(value)} end"
    )


def epoch_instant(value: str, unit: str | None = None) -> str:
    """Read a point in time that is an epoch as a rule; without a unit by its size.

    Today's ten, thirteen and sixteen digits are read without looking at anything else;
    with a unit a text that is no number is no time.
    """
    factors = {10: "1000000", 13: "1000", 16: "1"}
    if unit == "epoch_us":
        factors = {16: "1"}
    slow = loose_timestamp(value) if unit is None else epoch(value, unit)
    branches = " ".join(
        f"when {size} then {factor}" for size, factor in factors.items()
    )
    lengths = ", ".join(map(str, factors))
    return (
        f"case when strlen({value}) in ({lengths}) "
        f"and regexp_full_match({value}, '[0-9]+') "
        f"then make_timestamp(try_cast({value} as bigint) "
        f"* case strlen({value}) {branches} end) else {slow} end"
    )


def number_text(value: str) -> str:
    """Give a text if it is a number the lake can hold; free properties may not be."""
    if value == NULL:
        return NULL
    return f"case when try_cast({value} as decimal(18, 6)) is not null then {value} end"


def device_type(system: str) -> str:
    """Tell desktop, mobile and tablet by the name of the operating system or device."""
    lower = f"lower({system})"
    return (
        f"case when {system} is null then null "
        f"when contains({lower}, 'ipad') or contains({lower}, 'tablet') "
        f"or contains({lower}, 'galaxy tab') then 'tablet' "
        f"when {one_of(lower, _HANDHELD)} then 'mobile' "
        f"when {one_of(lower, _DESKTOP)} then 'desktop' end"
    )


def texts_of(columns: Mapping[str, str]) -> dict[str, str]:
    """Give all text columns of an event, null where the vendor has none."""
    return {column: columns.get(column, NULL) for column in TEXT_COLUMNS}
