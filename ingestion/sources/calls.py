"""Calls of the Segment spec as events: track, identify, page, screen, group, alias.

Belongs here: what the spec's calls mean, for every vendor that speaks it, as JSON calls
and as rows of warehouse tables (flat columns in snake_case). Not here: where a call has
its parts (`call_layout`), what a vendor's libraries are called (`segment`,
`rudderstack`).

How a call becomes an event:

- `track` has the name that the product team gave it (`event_text` of a warehouse row,
  else `event`); page, screen, identify, group and alias get their canonical names, any
  other type its own. A row without `type` is told by what it carries.
- `timestamp` is the vendor's correction of the client's clock and fills `occurred_at`,
  else `originalTimestamp`; `receivedAt` fills `received_at`.
- The traits of an identify call, and those in `context.traits` of any call, are the
  person's and become `$set`; `traits` of a group call are the group's and stay.
- `previousId` of an alias call is another id of the same person: `$ids`. Ids of devices
  and of advertising in `context.device` are none: they are zeros where tracking is
  refused, and phones are handed on.
- `properties` stay whole; `context` stays whole under its name. What fills a column
  from them is a copy.
"""

from __future__ import annotations

from typing import Final

from ingestion.sources.call_layout import OBJECTS, CallLayout, Dialect
from ingestion.sources.event_sql import (
    Entry,
    EventSql,
    entry,
    identity,
    is_object,
    merged,
    overflow_entries,
    struct_field,
    trimmed,
)
from ingestion.sources.shapes import Shapes
from ingestion.sources.vendor_line import (
    NULL,
    as_json,
    first,
    further_ids,
    instant,
    number_text,
    texts_of,
    unless,
)
from ingestion.sources.web_address import query_parameter, url_path
from ingestion.sql_text import text, text_list

CANONICAL_NAMES: Final = {
    "page": "page_viewed",
    "screen": "screen_viewed",
    "identify": "identified",
    "group": "grouped",
    "alias": "aliased",
}
# Types of `context.device` that name the system of a phone, not what it is.
_MOBILE_SYSTEMS: Final = ("ios", "android")
# Parts whose further keys stay in the properties if they say something else.
_PARTS_OF_ONE_TEXT: Final = (
    *("event_id", "occurred_at", "received_at", "user_id", "anonymous_id"),
    "previous_id",
)


def event_sql(shapes: Shapes, dialect: Dialect) -> EventSql:
    """Say how calls with these keys become events."""
    call = CallLayout(shapes, dialect)
    return EventSql(
        structure=call.structure(),
        fields=call.fields(),
        event_name=trimmed(_event_name(call)),
        event_id=identity(call.key("event_id")),
        occurred_text="nullif(__occurred, '')",
        occurred_at=instant("__occurred"),
        received_at=instant("__received"),
        ids={
            "user_id": identity(call.key("user_id")),
            "anonymous_id": identity(call.key("anonymous_id")),
            "vendor_session_id": identity(call.context("session_id")),
        },
        texts=texts_of(_texts(call)),
        revenue_text="__revenue_text",
        # A value that is no number is a product's own property of that name.
        value_text=number_text(call.member("value")),
        properties=_properties(call),
    )


def _event_name(call: CallLayout) -> str:
    names = " ".join(
        f"when {text(sent)} then {text(canonical)}"
        for sent, canonical in CANONICAL_NAMES.items()
    )
    return f"case __call when 'track' then {call.key('event')} {names} else __call end"


def _texts(call: CallLayout) -> dict[str, str]:
    """Give the columns that are plain text; the spec has no browser."""
    path = first(call.member("path"), call.context("path"))
    page = first(*(url_path(value) for value in (path, "__address") if value != NULL))
    campaign = {
        column: first(call.context(column), query_parameter("__address", column))
        for column in ("utm_source", "utm_medium", "utm_campaign")
    }
    device = f"lower({call.context('device_type')})"
    systems = text_list(_MOBILE_SYSTEMS)
    return campaign | {
        "category": call.member("category"),
        "platform": _platform(call),
        "app_version": _app_version(call),
        "page": f"case when __call = 'screen' then {call.member('name')} "
        f"else {page} end",
        "referrer": unless(
            first(call.member("referrer"), call.context("referrer")),
            call.dialect.no_referrers,
        ),
        **{column: call.context(column) for column in ("country", "region", "city")},
        "device_type": f"case when {device} in ({systems}) then null else {device} end",
        "os": call.context("os"),
        # A currency without revenue is that of another amount.
        "currency": "case when __revenue_text is not null "
        f"then {call.member('currency')} end",
    }


def _app_version(call: CallLayout) -> str:
    version, namespace = call.context("app_version"), call.context("app_namespace")
    own = text_list(call.dialect.sdk_namespaces)
    return (
        f"case when {namespace} in ({own}) then null else {version} end"
        if own
        else version
    )


def _platform(call: CallLayout) -> str:
    """Give where the call was made: by the library, the device, the channel.

    A library that runs on several systems says `mobile`; the system follows.
    """
    device = f"lower({call.context('device_type')})"
    system = f"lower({call.context('os')})"
    phone = (
        f"case when {device} in ({text_list(_MOBILE_SYSTEMS)}) then {device} "
        f"when {system} = 'android' then 'android' "
        f"when {system} in ('ios', 'ipados', 'iphone os') then 'ios' else 'mobile' end"
    )
    libraries = " ".join(
        f"when contains(__library, {text(part)}) "
        f"then {phone if platform == 'mobile' else text(platform)}"
        for part, platform in call.dialect.libraries.items()
    )
    channel = f"lower({call.key('channel')})"
    return (
        f"case {libraries} when {channel} in ('browser', 'web') then 'web' "
        f"when {channel} = 'mobile' then {phone} else {channel} end"
    )


def _properties(call: CallLayout) -> str:
    """Give the properties: the client's object and all that filled no column."""
    read = {key for keys in call.keys.values() for key in keys}
    entries = [
        *_reserved_entries(call),
        *_container_entries(call),
        *_leftover_entries(call),
        *(entry(key, struct_field(key)) for key in call.shapes.keys if key not in read),
    ]
    overflow = overflow_entries(call.structure()) if call.shapes.overflow else None
    return merged(
        "__own_properties" if call.has("properties") else None, entries, overflow
    )


def _text_entry(key: str, value: str, condition: str = "true") -> Entry:
    return Entry(key, as_json(value), f"{value} is not null and {condition}")


def _reserved_entries(call: CallLayout) -> list[Entry]:
    """Give the keys that Daybreak reserves, as far as the call has them."""
    previous = call.key("previous_id")
    reserved = {
        "page_url": "__address",
        "page_title": first(call.member("title"), call.context("title")),
        "user_agent": call.context("user_agent"),
    }
    return [
        *(_text_entry(key, value) for key, value in reserved.items() if value != NULL),
        _text_entry(
            "$event_name", "__call", f"__call in ({text_list(CANONICAL_NAMES)})"
        ),
        *_person_entries(call),
        further_ids([identity(previous)], f"{previous} is not null"),
    ]


def _person_entries(call: CallLayout) -> list[Entry]:
    """Give `$set`: the traits of an identify call, else those of the context."""
    found = []
    if call.has("traits"):
        found.append("case when __call = 'identify' then __own_traits end")
    if call.has("context"):
        inside = "json_extract(__own_context, '$.traits')::varchar"
        some = f"{is_object(inside)} and {inside} <> '{{}}'"
        found.append(f"case when {some} then {inside} end")
    return [entry("$set", first(*found))] if found else []


def _container_entries(call: CallLayout) -> list[Entry]:
    """Keep the context, and objects that are not where they belong."""
    taken = {
        "properties": "__own_properties is not null",
        "traits": "__call = 'identify' and __own_traits is not null",
        "context": "false",
    }
    return [
        Entry(
            part,
            f"coalesce(__own_{part}, {struct_field(part)}::varchar)",
            f"{struct_field(part)} is not null and ({taken[part]}) is not true",
        )
        for part in OBJECTS
        if call.has(part)
    ]


def _leftover_entries(call: CallLayout) -> list[Entry]:
    """Keep what filled no column: lost aliases, and parts of other calls."""
    entries = [
        _text_entry(key, call.scalar(part, key))
        for part in ("group_id", "channel")
        for key in call.keys[part]
    ]
    for key in call.keys["event"]:
        sent = call.scalar("event", key)
        said = f"__call = 'track' and {sent} is not distinct from {call.key('event')}"
        entries.append(_text_entry(key, sent, f"{sent} <> '' and ({said}) is not true"))
    for part in _PARTS_OF_ONE_TEXT:
        for key in call.keys[part][1:]:
            sent = call.scalar(part, key)
            differs = f"{sent} <> '' and {sent} is distinct from {call.key(part)}"
            entries.append(Entry(key, struct_field(key), differs))
    # The event is good without a time of receipt that can be read.
    unread = "__received_at is null and __received <> ''"
    return [*entries, _text_entry("receivedAt", "__received", unread)]
