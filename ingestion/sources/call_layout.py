"""Where the parts of a call stand: top level, `properties`, `context`, flat columns.

Belongs here: the names of the Segment spec, in calls as JSON and in rows of warehouse
tables, and how a part is read from whichever of them a line has. Not here: what the
parts mean (`calls`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ingestion.sources.event_sql import as_object, struct_field, trimmed
from ingestion.sources.shapes import Shapes
from ingestion.sources.vendor_line import first
from ingestion.sql_text import text, text_list

# Top-level keys, best first: of a call as JSON, then of a row of a warehouse table.
CALL_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "type": ("type",),
    "event": ("event_text", "eventText", "event"),
    "event_id": ("messageId", "message_id", "id"),
    "occurred_at": ("timestamp", "originalTimestamp", "original_timestamp"),
    "received_at": ("receivedAt", "received_at"),
    "user_id": ("userId", "user_id"),
    "anonymous_id": ("anonymousId", "anonymous_id"),
    "previous_id": ("previousId", "previous_id"),
    "group_id": ("groupId", "group_id"),
    "channel": ("channel",),
    "properties": ("properties",),
    "traits": ("traits",),
    "context": ("context",),
}

# Members of `properties` that the spec reserves; warehouse rows have them as columns.
PROPERTY_NAMES: Final = (
    *("revenue", "currency", "value", "category", "name", "title"),
    *("url", "path", "referrer"),
)

# Places in `context`, by the name under which an expression asks for them.
CONTEXT_PATHS: Final[Mapping[str, str]] = {
    "path": "$.page.path",
    "url": "$.page.url",
    "title": "$.page.title",
    "referrer": "$.page.referrer",
    "utm_source": "$.campaign.source",
    "utm_medium": "$.campaign.medium",
    "utm_campaign": "$.campaign.name",
    "country": "$.location.country",
    "region": "$.location.region",
    "city": "$.location.city",
    "app_version": "$.app.version",
    "app_namespace": "$.app.namespace",
    "device_type": "$.device.type",
    "os": "$.os.name",
    "library": "$.library.name",
    "user_agent": "$.userAgent",
    "session_id": "$.sessionId",
}

OBJECTS: Final = ("properties", "traits", "context")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a vendor speaks the spec.

    `context_paths` are further places in `context`, tried after those of the spec.
    `libraries` maps a part of a library's name (lower case) to the platform that it
    runs on, the first that fits counts. `sdk_namespaces` are values of
    `context.app.namespace` of libraries that describe themselves there and not the app;
    `no_referrers` what they write where there is no referrer.
    """

    libraries: Mapping[str, str]
    context_paths: Mapping[str, str]
    sdk_namespaces: tuple[str, ...] = ()
    no_referrers: tuple[str, ...] = ()


def known_keys() -> frozenset[str]:
    """Give the top-level keys that a call may have."""
    return frozenset(key for keys in CALL_KEYS.values() for key in keys)


def _flat(path: str) -> str:
    """Give the warehouse's column of a place in `context`."""
    parts = re.sub(r"([a-z])([A-Z])", r"\1_\2", path.removeprefix("$."))
    return "context_" + parts.replace(".", "_").lower()


class CallLayout:
    """The keys of some lines, and the SQL that reads a part from them."""

    def __init__(self, shapes: Shapes, dialect: Dialect) -> None:
        self.shapes = shapes
        self.dialect = dialect
        self.keys = {
            part: tuple(key for key in keys if key in shapes.keys)
            for part, keys in CALL_KEYS.items()
        }
        self._paths = {
            part: (
                *([CONTEXT_PATHS[part]] if part in CONTEXT_PATHS else []),
                *([more[part]] if part in (more := dialect.context_paths) else []),
            )
            for part in dict.fromkeys((*CONTEXT_PATHS, *dialect.context_paths))
        }

    def has(self, part: str) -> bool:
        """Say whether any line has a part."""
        return bool(self.keys[part])

    def structure(self) -> dict[str, str]:
        """Give the type of every key: the best alias of a text is text."""
        kinds = dict.fromkeys(self.shapes.keys, "JSON")
        for part, keys in self.keys.items():
            if part not in OBJECTS:
                kinds |= dict.fromkeys(keys[:1], "VARCHAR")
        return kinds

    def fields(self) -> dict[str, str]:
        """Give what several expressions use, computed once; later ones use earlier."""
        fields = {
            "__occurred": self.key("occurred_at"),
            "__received": self.key("received_at"),
        }
        for part in OBJECTS:
            if self.keys[part]:
                fields[f"__own_{part}"] = as_object(struct_field(part))
        if self.keys["properties"]:
            names = text_list(f"$.{name}" for name in PROPERTY_NAMES)
            fields["__members"] = f"json_extract_string(__own_properties, [{names}])"
        if self.keys["context"]:
            listed = text_list(self._all_paths())
            fields["__places"] = f"json_extract_string(__own_context, [{listed}])"
        fields["__revenue_text"] = self.member("revenue")
        fields["__address"] = first(self.member("url"), self.context("url"))
        fields["__library"] = f"lower({self.context('library')})"
        fields["__call"] = f"lower({trimmed(self._type())})"
        return fields

    def key(self, part: str) -> str:
        """Give the text of a top-level part: the first of its keys that is there."""
        return first(*(self.scalar(part, key) for key in self.keys[part]))

    def scalar(self, part: str, key: str) -> str:
        """Give the text of one key of a part."""
        value = struct_field(key)
        is_text = key == self.keys[part][0]
        return value if is_text else f"json_extract_string({value}, '$')"

    def member(self, name: str) -> str:
        """Give the text of a reserved property, or of the column of a warehouse.

        Empty texts are none.
        """
        found = []
        if self.keys["properties"]:
            found.append(f"nullif(__members[{PROPERTY_NAMES.index(name) + 1}], '')")
        if name in self.shapes.keys:
            value = struct_field(name)
            found.append(f"nullif(json_extract_string({value}, '$'), '')")
        return first(*found)

    def context(self, part: str) -> str:
        """Give the text at a place in `context`; empty texts are none."""
        found = []
        for path in self._paths[part]:
            if self.keys["context"]:
                place = self._all_paths().index(path) + 1
                found.append(f"nullif(__places[{place}], '')")
            if _flat(path) in self.shapes.keys:
                value = struct_field(_flat(path))
                found.append(f"nullif(json_extract_string({value}, '$'), '')")
        return first(*found)

    def _all_paths(self) -> list[str]:
        return [path for paths in self._paths.values() for path in paths]

    def _type(self) -> str:
        """Give the type of a call; a warehouse row tells it by what it carries."""
        told = [
            f"when {self.key(part)} is not null then {text(call)}"
            for part, call in (
                *(("event", "track"), ("previous_id", "alias")),
                ("group_id", "group"),
            )
            if self.keys[part]
        ]
        if {"url", "path"} & set(self.shapes.keys):
            told.append(
                f"when {first(self.member('url'), self.member('path'))} is not null "
                "then 'page'"
            )
        guessed = [f"case {' '.join(told)} end"] if told else []
        return first(self.key("type"), *guessed)
