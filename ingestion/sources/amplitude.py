"""Amplitude: lines of the raw export (Export API, or a bucket).

The schema: https://amplitude.com/docs/apis/analytics/export. `uuid` is the event's id,
else `$insert_id`, which Amplitude holds unique for a device only. `event_time` is UTC
(`YYYY-MM-DD HH:MM:SS.ffffff`), `server_received_time` the time of receipt. `event_id`
is a counter of the device, not an id. `event_properties` are the event's properties,
`user_properties` (the user's state at that time) land under `$set`; every field that
fills no column stays under its own name.

Whose event it is. `user_id` is the user, `device_id` the device. `amplitude_id` stays a
property: it repeats what rows with both ids say, and Amplitude gives it to the last
user of a device after that user has logged out.

Sessions. `session_id` is the start of the session on its device, in ms; -1 is none. It
is unique together with the device only: `vendor_session_id` = device_id . session_id.

Belongs here: Amplitude's names and rules. Not here: pieces other vendors need too
(`vendor_line`).
"""

from __future__ import annotations

from typing import Final

from ingestion.sources.event_sql import Entry, EventSql, exact_timestamp, identity
from ingestion.sources.shapes import Shapes
from ingestion.sources.vendor_line import (
    NULL,
    Line,
    Members,
    as_json,
    canonical_name,
    device_type,
    first,
    instant,
    no_object,
    number_text,
    own_object,
    texts_of,
    vendor_name,
)
from ingestion.sources.web_address import query_parameter, url_path
from ingestion.sql_text import text_list

# Fields that fill exactly one column, so that they need not stay in the properties.
_MAPPED: Final = frozenset(
    {
        *("event_type", "event_time", "user_id", "device_id", "uuid", "version_name"),
        *("country", "region", "city", "server_received_time", "session_id"),
    }
)
_TEXTS: Final = _MAPPED | {
    *("server_upload_time", "$insert_id", "platform", "os_name", "device_family"),
}
KNOWN_KEYS: Final = _TEXTS | {
    *("event_properties", "user_properties", "group_properties", "groups", "data"),
    *("device_type", "revenue", "idfv"),
    *("amplitude_id", "event_id", "client_event_time", "client_upload_time"),
    *("processed_time", "user_creation_time", "library", "language", "os_version"),
    *("ip_address", "dma", "paying", "start_version", "device_brand", "device_model"),
    *("device_manufacturer", "device_carrier", "location_lat", "location_lng"),
    *("is_attribution_event", "amplitude_attribution_ids", "adid", "idfa", "plan"),
    *("amplitude_event_type", "app", "partner_id", "sample_rate", "$schema"),
    *("data_type", "source_id", "quantity", "price", "product_id", "revenue_type"),
}
NAMES: Final = {
    "[Amplitude] Page Viewed": "page_viewed",
    "[Amplitude] Screen Viewed": "screen_viewed",
    "$identify": "identified",
    "$groupidentify": "grouped",
}
_NO_SESSION: Final = ("-1", "0")
_UTM: Final = ("utm_source", "utm_medium", "utm_campaign")
_URLS: Final = ("[Amplitude] Page Location", "[Amplitude] Page URL")
_P: Final = Members(
    "__p",
    (
        *("[Amplitude] Page Path", *_URLS, "[Amplitude] Page Title"),
        *("[Amplitude] Screen Name", "referrer", *_UTM, "event_category", "value"),
        *("$revenue", "revenue", "$price", "$quantity", "$currency", "currency"),
    ),
)
_U: Final = Members("__u", ("referrer", *_UTM))
_of: Final = _P.value


def event_sql(shapes: Shapes) -> EventSql:
    """Say how lines of an Amplitude export with these keys become events."""
    line = Line(shapes, _TEXTS)
    occurred, received = line.value("event_time"), line.value("server_received_time")
    return EventSql(
        structure=line.structure(),
        fields={
            "__own": own_object(line, "event_properties"),
            "__set": own_object(line, "user_properties"),
            "__p": _P.parsed("__own"),
            "__u": _U.parsed("__set"),
            "__occurred_exact": exact_timestamp(occurred),
            "__received_exact": exact_timestamp(received),
        },
        event_name=canonical_name(line.value("event_type"), NAMES),
        event_id=_event_id(line),
        occurred_text=f"nullif({occurred}, '')",
        occurred_at=instant(occurred, "__occurred_exact"),
        received_at=_received(line),
        ids={
            "user_id": identity(line.value("user_id")),
            "anonymous_id": identity(line.value("device_id")),
            "vendor_session_id": _session(line),
        },
        texts=texts_of(_columns(line)),
        revenue_text=f"nullif({_revenue(line)}, '')",
        value_text=number_text(_of("value")),
        properties=_properties(line),
    )


def _received(line: Line) -> str:
    """Give when a server had the event: at once, else as it was stored."""
    received = instant(line.value("server_received_time"), "__received_exact")
    if not line.has("server_upload_time"):
        return received
    uploaded = instant(line.value("server_upload_time"))
    return f"case when __received_exact is null then {uploaded} else {received} end"


def _event_id(line: Line) -> str:
    insert = line.value("$insert_id")
    of_device = NULL
    if line.has("$insert_id"):
        owner = first(line.value("device_id"), line.value("user_id"), "''")
        of_device = f"{identity(insert)} || '@' || {owner}"
    return first(identity(line.value("uuid")), of_device)


def _session(line: Line) -> str:
    session = line.value("session_id")
    owner = first(
        identity(line.value("device_id")), identity(line.value("user_id")), "''"
    )
    return (
        f"case when {session} in ({text_list(_NO_SESSION)}) then null "
        f"else {owner} || '.' || {identity(session)} end"
    )


def _revenue(line: Line) -> str:
    """Give what was earned; price times quantity where only these were sent."""
    product = (
        f"case when {_of('$price')} is not null then (try_cast({_of('$price')} as "
        f"decimal(18, 6)) * coalesce(try_cast({_of('$quantity')} as bigint), 1))"
        "::varchar end"
    )
    own = NULL
    if line.has("revenue"):
        own = f"json_extract_string({line.value('revenue')}, '$')"
    return first(_of("$revenue"), _of("revenue"), own, product)


def _columns(line: Line) -> dict[str, str]:
    platform, family = line.value("platform"), line.value("device_family")
    system = line.value("os_name")
    # The browser library writes the browser's name where others write the system's.
    is_web = f"{platform} in ('Web', 'web')"
    url = first(*(_of(key) for key in _URLS))
    return {
        "category": _of("event_category"),
        "platform": f"lower({platform})",
        "app_version": line.value("version_name"),
        "page": first(
            _of("[Amplitude] Page Path"), url_path(url), _of("[Amplitude] Screen Name")
        ),
        "referrer": first(_of("referrer"), _U.value("referrer")),
        **{
            column: first(_of(column), _U.value(column), query_parameter(url, column))
            for column in _UTM
        },
        "country": line.value("country"),
        "region": line.value("region"),
        "city": line.value("city"),
        "device_type": first(
            device_type(family),
            f"case when not {is_web} then {device_type(system)} end",
        ),
        "os": f"case when {is_web} then {family} else {system} end",
        "browser": f"case when {is_web} then {system} end",
        "currency": (
            f"case when __revenue_text is not null "
            f"then {first(_of('$currency'), _of('currency'))} end"
        ),
    }


def _properties(line: Line) -> str:
    event, title = line.value("event_type"), _of("[Amplitude] Page Title")
    url = first(*(_of(key) for key in _URLS))
    session, received = line.value("session_id"), line.value("server_received_time")
    entries = [
        *no_object(line, "event_properties", "__own"),
        *no_object(line, "user_properties", "__set"),
        vendor_name(event, NAMES),
        Entry("$set", "__set", "__set <> '{}'"),
        Entry("page_url", as_json(url), f"{url} <> ''"),
        Entry("page_title", as_json(title), f"{title} <> ''"),
        Entry("session_id", session, f"{session} in ({text_list(_NO_SESSION)})"),
        Entry(
            "server_received_time",
            as_json(received),
            f"__received_exact is null and {received} <> ''",
        ),
    ]
    used = _MAPPED | {"event_properties", "user_properties"}
    return line.properties("__own", entries, used)
