"""PostHog: rows of a batch export of events, as JSON lines or Parquet.

The schema: https://posthog.com/docs/cdp/batch-exports/s3 (events model) and
https://posthog.com/docs/data/events (the `$` properties). `uuid` is the event's id,
`timestamp` its time, `created_at` that of receipt. `properties` is an object, in
Parquet a JSON text; it stays whole, and every other field stays under its own name
(`person_properties`, `elements_chain`, `team_id`, ...).

Whose event it is. `distinct_id` is a user or a device, and PostHog does not say which
in one field. It is the user if the event is `$identify` or `$create_alias`, or
`$is_identified` is true, or `$user_id` names it. It is the device if `$is_identified`
is false, or `$process_person_profile` is false (an anonymous event), or it comes
from a client library (`$device_id` present, or `$lib` of a browser or an app). What is
left comes from servers, whose `distinct_id` is the user. An `$identify` ties
`$anon_distinct_id` to the user; `alias` of `$create_alias` and `$merge_dangerously`
goes to `$ids`. Beside a user the device is `$device_id`.

Belongs here: PostHog's names and rules. Not here: pieces other vendors need too
(`vendor_line`).
"""

from __future__ import annotations

from typing import Final

from ingestion.sources.event_sql import (
    Entry,
    EventSql,
    entry,
    exact_timestamp,
    identity,
    one_of,
)
from ingestion.sources.shapes import Shapes
from ingestion.sources.vendor_line import (
    Line,
    Members,
    as_json,
    canonical_name,
    first,
    further_ids,
    instant,
    no_object,
    number_text,
    own_object,
    texts_of,
    unless,
    vendor_name,
)
from ingestion.sources.web_address import query_parameter, url_path
from ingestion.sql_text import text_list

_TEXTS: Final = frozenset({"uuid", "event", "distinct_id", "timestamp", "created_at"})
KNOWN_KEYS: Final = _TEXTS | {
    *("properties", "person_id", "person_properties", "elements_chain", "elements"),
    *("team_id", "inserted_at", "_inserted_at", "set", "set_once", "ip", "site_url"),
}
NAMES: Final = {
    "$pageview": "page_viewed",
    "$screen": "screen_viewed",
    "$identify": "identified",
    "$create_alias": "aliased",
    "$merge_dangerously": "aliased",
    "$groupidentify": "grouped",
}
_CLIENT_LIBRARIES: Final = (
    *("web", "js", "posthog-js", "posthog-js-lite", "posthog-ios", "posthog-android"),
    *("posthog-react-native", "posthog-flutter"),
)
_APPS: Final = {"posthog-ios": "ios", "posthog-android": "android"}
_NO_REFERRER: Final = ("$direct",)
_SETS: Final = ("set", "set_once")

_P: Final = Members(
    "__p",
    (
        *("$current_url", "$pathname", "$screen_name", "$title", "title"),
        *("$referrer", "utm_source", "utm_medium", "utm_campaign"),
        *("$geoip_country_code", "$geoip_subdivision_1_name", "$geoip_city_name"),
        *("$device_type", "$os", "$os_name", "$browser", "$app_version"),
        *("$lib", "$session_id", "$device_id", "$user_id"),
        *("$is_identified", "$process_person_profile", "$anon_distinct_id", "alias"),
        *("revenue", "$revenue", "currency", "$currency", "value", "event_category"),
        *("$set", "$set_once"),
    ),
    ("$raw_user_agent", "$pageview_id"),
)
_of: Final = _P.value
_ALIAS_NAMES: Final = ("$create_alias", "$merge_dangerously")


def event_sql(shapes: Shapes) -> EventSql:
    """Say how rows of a PostHog export with these keys become events."""
    line = Line(shapes, _TEXTS)
    occurred, received = line.value("timestamp"), line.value("created_at")
    revenue = first(_of("revenue"), _of("$revenue"))
    event = line.value("event")
    return EventSql(
        structure=line.structure(),
        fields={
            "__own": own_object(line, "properties"),
            "__p": _P.parsed("__own"),
            "__occurred_exact": exact_timestamp(occurred),
            "__received_exact": exact_timestamp(received),
        },
        event_name=canonical_name(event, NAMES),
        event_id=identity(line.value("uuid")),
        occurred_text=f"nullif({occurred}, '')",
        occurred_at=instant(occurred, "__occurred_exact"),
        received_at=instant(received, "__received_exact"),
        ids=_ids(line),
        texts=texts_of(_columns()),
        revenue_text=f"nullif({revenue}, '')",
        value_text=number_text(_of("value")),
        properties=_properties(line),
    )


def _is_user(line: Line) -> str:
    event = line.value("event")
    return (
        f"case when {event} in ('$identify', '$create_alias', '$merge_dangerously') "
        f"or {_of('$is_identified')} = 'true' "
        f"or {_of('$user_id')} = {line.value('distinct_id')} then true "
        f"when {_of('$is_identified')} = 'false' "
        f"or {_of('$process_person_profile')} = 'false' "
        f"or {_of('$device_id')} <> '' "
        f"or {one_of(_of('$lib'), _CLIENT_LIBRARIES)} then false "
        "else true end"
    )


def _ids(line: Line) -> dict[str, str]:
    distinct, is_user = line.value("distinct_id"), _is_user(line)
    device = first(
        f"case when not ({is_user}) then {identity(distinct)} end",
        identity(_of("$anon_distinct_id")),
        identity(_of("$device_id")),
    )
    user = f"case when {is_user} then {identity(distinct)} end"
    return {
        "user_id": first(user, identity(_of("$user_id"))),
        "anonymous_id": device,
        "vendor_session_id": identity(_of("$session_id")),
    }


def _columns() -> dict[str, str]:
    url = _of("$current_url")
    return {
        "category": _of("event_category"),
        "platform": _platform(),
        "app_version": _of("$app_version"),
        "page": first(_of("$pathname"), url_path(url), _of("$screen_name")),
        "referrer": unless(_of("$referrer"), _NO_REFERRER),
        **{
            column: first(_of(column), query_parameter(url, column))
            for column in ("utm_source", "utm_medium", "utm_campaign")
        },
        "country": _of("$geoip_country_code"),
        "region": _of("$geoip_subdivision_1_name"),
        "city": _of("$geoip_city_name"),
        "device_type": f"lower({_of('$device_type')})",
        "os": first(_of("$os"), _of("$os_name")),
        "browser": _of("$browser"),
        "currency": (
            f"case when __revenue_text is not null "
            f"then {first(_of('currency'), _of('$currency'))} end"
        ),
    }


def _platform() -> str:
    """Tell the platform by the library: browser, app, or else a server."""
    library, system = _of("$lib"), first(_of("$os"), _of("$os_name"))
    apps = " ".join(f"when '{lib}' then '{name}'" for lib, name in _APPS.items())
    return (
        f"case {library} when 'web' then 'web' when 'js' then 'web' "
        f"when 'posthog-js' then 'web' {apps} "
        f"when 'posthog-react-native' then lower({system}) "
        f"when 'posthog-flutter' then lower({system}) "
        f"else case when {library} <> '' then 'server' end end"
    )


def _properties(line: Line) -> str:
    event, url = line.value("event"), _of("$current_url")
    title = first(_of("title"), _of("$title"))
    sent = line.value("created_at")
    entries = [
        *no_object(line, "properties", "__own"),
        vendor_name(event, NAMES),
        Entry("page_url", as_json(url), f"{url} <> ''"),
        Entry("page_title", as_json(title), f"{event} = '$pageview' and {title} <> ''"),
        entry("user_agent", _of("$raw_user_agent")),
        entry("$page_view_id", _of("$pageview_id")),
        further_ids([_of("alias")], f"{event} in ({text_list(_ALIAS_NAMES)})"),
        *_set_entries(line),
        Entry("created_at", as_json(sent), f"__received_at is null and {sent} <> ''"),
    ]
    return line.properties("__own", entries, _TEXTS | {"properties", *_SETS})


def _set_entries(line: Line) -> list[Entry]:
    """Give the columns `set` and `set_once`, which repeat those of the properties."""
    entries = []
    for key in filter(line.has, _SETS):
        found = own_object(line, key)
        repeats = f"{found} is not distinct from {_of('$' + key)}"
        entries += [
            Entry(f"${key}", found, f"{found} is not null and not {repeats}"),
            *no_object(line, key, found),
        ]
    return entries
