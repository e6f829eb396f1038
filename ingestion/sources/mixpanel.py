"""Mixpanel: lines of the raw event export, `{"event": …, "properties": {…}}`.

The schema: https://developer.mixpanel.com/reference/raw-event-export and
https://docs.mixpanel.com/docs/data-structure/property-reference/default-properties.
`$insert_id` is the event's id, `time` its epoch in seconds (milliseconds where the
export asked for `time_in_ms`); projects older than 2023 write it in the project's time
zone, so export those as UTC. `$mp_api_timestamp_ms` is the time of receipt. The object
`properties` stays whole.

Whose event it is. `$user_id` is the user. Without one it is `distinct_id`, unless that
names a device: it starts with `$device:`, or equals `$device_id` or `$anon_id`.
`$identified_id` of an `$identify` is the user, `$anon_id` the device. Where Mixpanel
has put another person's id into `distinct_id` after a merge,
`$distinct_id_before_identity` is what the client sent; it decides, and the later id
goes to `$ids`, as do `alias` and `$distinct_ids` of `$create_alias` and `$merge`.
Mixpanel cuts sessions when it is asked, so that exports have no session.

Belongs here: Mixpanel's names and rules. Not here: pieces other vendors need too
(`vendor_line`).
"""

from __future__ import annotations

from typing import Final

from ingestion.sources.event_sql import Entry, EventSql, identity, one_of
from ingestion.sources.shapes import Shapes
from ingestion.sources.vendor_line import (
    Line,
    Members,
    as_json,
    canonical_name,
    device_type,
    epoch_instant,
    first,
    further_ids,
    no_object,
    number_text,
    own_object,
    texts_of,
    unless,
    vendor_name,
)
from ingestion.sources.web_address import query_parameter, url_path
from ingestion.sql_text import text_list

_TEXTS: Final = frozenset({"event"})
KNOWN_KEYS: Final = _TEXTS | {"properties"}
NAMES: Final = {
    "$mp_web_page_view": "page_viewed",
    "$identify": "identified",
    "$create_alias": "aliased",
    "$merge": "aliased",
}
_NO_REFERRER: Final = ("$direct",)
_DEVICE: Final = "$device:"
_APPLE: Final = ("iphone", "swift")
_BY_SYSTEM: Final = ("react-native", "flutter", "unity")
_SERVERS: Final = ("python", "node", "java", "ruby", "php", "go", "jvm", "server")

_P: Final = Members(
    "__p",
    (
        *("time", "distinct_id", "$distinct_id_before_identity", "$insert_id"),
        *("$user_id", "$device_id", "$identified_id", "$anon_id", "alias"),
        *("$mp_api_timestamp_ms", "mp_country_code", "$region", "$city"),
        *("$os", "$browser", "$device", "$app_version_string", "mp_lib"),
        *("$current_url", "current_url_path", "current_page_title", "$referrer"),
        *("utm_source", "utm_medium", "utm_campaign", "$session_id"),
        *("$amount", "$revenue", "revenue", "$currency", "currency", "value"),
        "event_category",
    ),
    ("$distinct_ids",),
)
_of: Final = _P.value


def event_sql(shapes: Shapes) -> EventSql:
    """Say how lines of a Mixpanel export with these keys become events."""
    line = Line(shapes, _TEXTS)
    revenue = first(_of("$amount"), _of("$revenue"), _of("revenue"))
    return EventSql(
        structure=line.structure(),
        fields={
            "__own": own_object(line, "properties"),
            "__p": _P.parsed("__own"),
        },
        event_name=canonical_name(line.value("event"), NAMES),
        event_id=identity(_of("$insert_id")),
        occurred_text=f"nullif({_of('time')}, '')",
        occurred_at=epoch_instant(_of("time")),
        received_at=epoch_instant(_of("$mp_api_timestamp_ms")),
        ids={
            "user_id": _user(),
            "anonymous_id": _device(),
            "vendor_session_id": identity(_of("$session_id")),
        },
        texts=texts_of(_columns()),
        revenue_text=f"nullif({revenue}, '')",
        value_text=number_text(_of("value")),
        properties=_properties(line),
    )


def _sent_id() -> str:
    return first(_of("$distinct_id_before_identity"), _of("distinct_id"))


def _names_a_device() -> str:
    sent = _sent_id()
    return (
        f"(starts_with({sent}, '{_DEVICE}') "
        f"or coalesce({sent} in ({_of('$device_id')}, {_of('$anon_id')}), false))"
    )


def _user() -> str:
    sent = f"case when not {_names_a_device()} then {identity(_sent_id())} end"
    return first(identity(_of("$user_id")), identity(_of("$identified_id")), sent)


def _device() -> str:
    sent = f"case when {_names_a_device()} then {_sent_id()} end"
    device = first(identity(_of("$device_id")), identity(_of("$anon_id")), sent)
    return identity(
        f"case when starts_with({device}, '{_DEVICE}') "
        f"then substr({device}, {len(_DEVICE) + 1}) else {device} end"
    )


def _columns() -> dict[str, str]:
    url, system = _of("$current_url"), _of("$os")
    return {
        "category": _of("event_category"),
        "platform": _platform(),
        "app_version": _of("$app_version_string"),
        "page": first(url_path(url), _of("current_url_path")),
        "referrer": unless(_of("$referrer"), _NO_REFERRER),
        **{
            column: first(_of(column), query_parameter(url, column))
            for column in ("utm_source", "utm_medium", "utm_campaign")
        },
        "country": _of("mp_country_code"),
        "region": _of("$region"),
        "city": _of("$city"),
        "device_type": (
            f"case when contains(lower({_of('$device')}), 'ipad') then 'tablet' "
            f"else {device_type(system)} end"
        ),
        "os": system,
        "browser": _of("$browser"),
        "currency": (
            f"case when __revenue_text is not null "
            f"then {first(_of('$currency'), _of('currency'))} end"
        ),
    }


def _platform() -> str:
    """Tell the platform by the library that sent the event."""
    library = _of("mp_lib")
    return (
        f"case when {library} = 'web' then 'web' "
        f"when {library} in ({text_list(_APPLE)}) then 'ios' "
        f"when {library} = 'android' then 'android' "
        f"when {library} in ({text_list(_BY_SYSTEM)}) then lower({_of('$os')}) "
        f"when {one_of(library, _SERVERS)} then 'server' end"
    )


def _properties(line: Line) -> str:
    event, url = line.value("event"), _of("$current_url")
    title = _of("current_page_title")
    distinct = _of("distinct_id")
    entries = [
        *no_object(line, "properties", "__own"),
        vendor_name(event, NAMES),
        Entry("page_url", as_json(url), f"{url} <> ''"),
        Entry("page_title", as_json(title), f"{title} <> ''"),
        further_ids(
            [f"case when {_is_further(distinct)} then {distinct} end", _of("alias")],
            f"{event} = '$create_alias' or {_is_further(distinct)}",
        ),
        Entry("$ids", _of("$distinct_ids"), f"{event} = '$merge'"),
    ]
    return line.properties("__own", entries, {"event", "properties"})


def _is_further(value: str) -> str:
    """Give the condition that an id is neither the event's user nor its device."""
    return (
        f"({value} <> '' and not starts_with({value}, '{_DEVICE}') "
        f"and {value} is distinct from __user_id "
        f"and {value} is distinct from __anonymous_id)"
    )
