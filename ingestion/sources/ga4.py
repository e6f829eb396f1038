"""Google Analytics 4: rows of the BigQuery export, as JSON lines or Parquet.

The schema: https://support.google.com/analytics/answer/7029846. `event_timestamp` is in
microseconds, `event_server_timestamp_offset` what to add for the time of receipt.
`event_params` and `user_properties` are lists of a key and a value of one of four
types: the first become the event's properties, the second land under `$set`. BigQuery
writes integers into JSON as strings; they become numbers again. All other fields stay
under their own names (`device`, `geo`, `items`, `ecommerce`, `traffic_source`, ...).

GA4 gives events no id. Theirs is a hash of stream, user, time, name, and the four
numbers that tell the events of a batch apart; an export from before these numbers
(2023) counts the parameters too.

`user_id` is the user, `user_pseudo_id` the device. `ga_session_id` is unique only
together with the user: `vendor_session_id` = user_pseudo_id . ga_session_id.

A purchase earns `ecommerce.purchase_revenue` and a refund gives back
`ecommerce.refund_value`, in the currency of the parameter `currency`. The campaign is
that of the event (`collected_traffic_source`, the parameters, the page's address);
`traffic_source`, the user's first, stays a property.

Belongs here: GA4's names and rules. Not here: pieces other vendors need too
(`vendor_line`).
"""

from __future__ import annotations

from typing import Final

from ingestion.sources.event_sql import Entry, EventSql, identity
from ingestion.sources.shapes import Shapes
from ingestion.sources.vendor_line import (
    NULL,
    Line,
    Members,
    canonical_name,
    epoch_instant,
    first,
    number_text,
    texts_of,
    unless,
    vendor_name,
)
from ingestion.sources.web_address import query_parameter, url_path
from ingestion.sql_text import text_list

_MAPPED: Final = frozenset({"event_timestamp", "event_name", "user_id", "platform"})
_LISTS: Final = frozenset({"event_params", "user_properties", "items"})
_BATCH: Final = (
    *("event_bundle_sequence_id", "batch_event_index", "batch_ordering_id"),
    "batch_page_id",
)
_TEXTS: Final = _MAPPED | {"user_pseudo_id", "stream_id"}
KNOWN_KEYS: Final = (
    _TEXTS
    | {*_BATCH}
    | {
        *("event_date", "event_params", "event_previous_timestamp", "items"),
        *("event_value_in_usd", "event_server_timestamp_offset", "user_properties"),
        *("user_first_touch_timestamp", "user_ltv", "device", "geo", "app_info"),
        *("traffic_source", "collected_traffic_source", "event_dimensions"),
        *("session_traffic_source_last_click", "ecommerce", "privacy_info"),
        *("is_active_user", "publisher"),
    }
)
# The parameter that holds the page's address, and the name under which it lands.
_SENT_URL: Final = "page_location"
_URL: Final = "page_url"
NAMES: Final = {"page_view": "page_viewed", "screen_view": "screen_viewed"}
_NOTHING: Final = ("(not set)",)

# What is read inside the structs of a row, by one pass over its text.
_PATHS: Final = (
    *("/device/category", "/device/operating_system", "/device/web_info/browser"),
    *("/device/browser", "/geo/country", "/geo/region", "/geo/city"),
    *("/app_info/version", "/collected_traffic_source/manual_source"),
    *("/collected_traffic_source/manual_medium",),
    *("/collected_traffic_source/manual_campaign_name",),
    *("/ecommerce/purchase_revenue", "/ecommerce/refund_value"),
)
_P: Final = Members(
    "__p",
    (
        *("ga_session_id", "page_url", "page_referrer"),
        *("firebase_screen", "source", "medium", "campaign", "currency", "value"),
        "event_category",
    ),
)
_of: Final = _P.value
_TYPED: Final = (
    '{"string_value":"JSON","int_value":"JSON","float_value":"JSON",'
    '"double_value":"JSON"}'
)
_LIST: Final = f'\'[{{"key":"JSON","value":{_TYPED}}}]\''


def event_sql(shapes: Shapes) -> EventSql:
    """Say how rows of a GA4 export with these keys become events."""
    line = Line(shapes, _TEXTS)
    occurred = line.value("event_timestamp")
    return EventSql(
        structure=line.structure(),
        fields={
            "__params": _list(line, "event_params"),
            "__own": _flat("__params"),
            "__p": _P.parsed("__own"),
            "__d": _inside(),
            "__occurred": epoch_instant(occurred, "epoch_us"),
        },
        event_name=canonical_name(line.value("event_name"), NAMES),
        event_id=_event_id(line),
        occurred_text=f"nullif({occurred}, '')",
        occurred_at="__occurred",
        received_at=_received(line),
        ids=_ids(line),
        texts=texts_of(_columns(line)),
        revenue_text=_revenue(),
        value_text=number_text(_of("value")),
        properties=_properties(line),
    )


def _list(line: Line, key: str) -> str:
    return f"json_transform({line.value(key)}, {_LIST})" if line.has(key) else NULL


def _inside() -> str:
    # A line that is no JSON must not be looked into: it would stop the query.
    return (
        "json_extract_string(case when __e is not null then __raw end, "
        f"[{text_list(_PATHS)}])"
    )


def _at(path: str) -> str:
    """Give what stands at a path, null for the vendor's words for nothing."""
    return unless(f"__d[{_PATHS.index(path) + 1}]", _NOTHING)


def _flat(listed: str) -> str:
    """Give a list of keys and typed values as a JSON object."""
    if listed == NULL:
        return NULL
    number = "trim(p.value.int_value, '\"')"
    whole = (
        f"case when try_cast({number} as bigint)::varchar = {number} then {number} "
        "else p.value.int_value end"
    )
    value = (
        f"coalesce(p.value.string_value, {whole}, p.value.float_value, "
        "p.value.double_value, 'null')"
    )
    key = f"case when p.key = '\"{_SENT_URL}\"' then '\"{_URL}\"' else p.key end"
    pairs = (
        f"list_transform({listed}, lambda p: case when starts_with(p.key, '\"') "
        f"then concat({key}, ':', {value}) end)"
    )
    return f"'{{' || array_to_string({pairs}, ',') || '}}'"


def _received(line: Line) -> str:
    if not line.has("event_server_timestamp_offset"):
        return "null::timestamp"
    sent = f"json_extract_string({line.value('event_server_timestamp_offset')}, '$')"
    # Offsets beyond a year are no clock's; adding them could leave the range of times.
    offset = f"try_cast({sent} as bigint)"
    bounded = (
        f"case when {offset} between -31536000000000 and 31536000000000 "
        f"then {offset} end"
    )
    return f"__occurred + to_microseconds({bounded})"


def _event_id(line: Line) -> str:
    user = first(line.value("user_pseudo_id"), line.value("user_id"), "''")
    # JSON lines have these numbers in quotes, Parquet as numbers.
    numbers = [f"trim({line.value(key)}, '\"')" for key in _BATCH]
    index = line.value("batch_event_index")
    parts = [
        line.value("stream_id"),
        *numbers,
        line.value("event_timestamp"),
        line.value("event_name"),
        user,
        f"case when {index} is null then __own end",
    ]
    joined = "concat(" + ", '|', ".join(parts) + ")"
    return f"md5({joined})"


def _ids(line: Line) -> dict[str, str]:
    user, device = (
        identity(line.value("user_id")),
        identity(line.value("user_pseudo_id")),
    )
    owner = first(device, user, "''")
    return {
        "user_id": user,
        "anonymous_id": device,
        "vendor_session_id": f"{owner} || '.' || {identity(_of('ga_session_id'))}",
    }


def _revenue() -> str:
    refund = _at("/ecommerce/refund_value")
    negative = f"case when starts_with({refund}, '-') then '' else '-' end || {refund}"
    earned = _at("/ecommerce/purchase_revenue")
    return (
        f"case when {earned} is null or {refund} is not null and {earned} = '0' "
        f"then {negative} else {earned} end"
    )


def _columns(line: Line) -> dict[str, str]:
    url = _of(_URL)
    manual = "/collected_traffic_source/manual_"
    campaign = {
        "utm_source": (f"{manual}source", "source"),
        "utm_medium": (f"{manual}medium", "medium"),
        "utm_campaign": (f"{manual}campaign_name", "campaign"),
    }
    return {
        "category": _of("event_category"),
        "platform": f"lower({line.value('platform')})",
        "app_version": _at("/app_info/version"),
        "page": first(url_path(url), _of("firebase_screen")),
        "referrer": unless(_of("page_referrer"), ()),
        **{
            column: first(
                _at(path), unless(_of(key), _NOTHING), query_parameter(url, column)
            )
            for column, (path, key) in campaign.items()
        },
        "country": _at("/geo/country"),
        "region": _at("/geo/region"),
        "city": _at("/geo/city"),
        "device_type": _at("/device/category"),
        "os": _at("/device/operating_system"),
        "browser": first(_at("/device/web_info/browser"), _at("/device/browser")),
        "currency": (
            f"case when __revenue_text is not null then {_of('currency')} end"
        ),
    }


def _properties(line: Line) -> str:
    event, items = line.value("event_name"), line.value("items")
    params, persons = line.value("event_params"), line.value("user_properties")
    set_properties = _flat(_list(line, "user_properties"))
    entries = [
        vendor_name(event, NAMES),
        Entry("$set", set_properties, f"{persons} <> '[]'"),
        Entry("user_properties", persons, f"{persons} <> '[]'"),
        Entry("items", items, f"{items} <> '[]'"),
        Entry("event_params", params, _keeps_list(line)),
    ]
    return line.properties("__own", entries, _MAPPED | _LISTS | {"user_pseudo_id"})


def _keeps_list(line: Line) -> str:
    """Give the condition that the flat parameters do not say all that was sent.

    A member is 33 characters longer in the list than flat if its value is a string
    (`{"key":…,"value":{"string_value":…}}`), 3 and 1 less for integers and floats and 2
    more for an integer in quotes; 89 where the other three types stand there as null.
    The address is renamed, 5 characters less. Any other difference of lengths is a
    member that the schema does not know.
    """
    params = line.value("event_params")
    if not line.has("event_params"):
        return "false"
    count = "len(__params)"
    renamed = (
        f"case when {_of(_URL)} is null then 0 else {len(_SENT_URL) - len(_URL)} end"
    )
    return (
        f"__own is null and {params} is not null or "
        f"strlen({params}) - strlen(__own) - {renamed} not in (89 * {count}, "
        f"33 * {count} - list_sum(list_transform(__params, lambda p: case "
        "when p.value.int_value is not null then 3 - 2 * "
        "starts_with(p.value.int_value, '\"')::int "
        "when p.value.float_value is not null then 1 else 0 end)))"
    )
