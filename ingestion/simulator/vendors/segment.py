"""The simulated product as a customer of Segment: one call of its spec a line.

Belongs here: which call an event is, and where the call has its fields. Schema:
https://segment.com/docs/connections/spec/. Not carried: the browser, and the kind of
device on the web (a phone's `device.type` says its system).
"""

from __future__ import annotations

from typing import Final

from ingestion.simulator.vendors.format import VendorFormat, instant, without_nulls

ORIGIN: Final = "https://daybreak.example"

_LIBRARY: Final = (
    "case platform when 'web' then 'analytics.js' when 'ios' then 'analytics-swift' "
    "when 'android' then 'analytics-kotlin' else 'analytics-python' end"
)
_CHANNEL: Final = (
    "case platform when 'web' then 'browser' when 'server' then 'server' "
    "else 'mobile' end"
)


_IS_PAGE: Final = "event_name = 'page_viewed'"


def page_object() -> str:
    """SQL for `context.page`, which servers have none of."""
    return f"json_object('path', page, 'url', '{ORIGIN}' || page, 'referrer', referrer)"


def properties_object() -> str:
    """SQL for the properties, with those that the spec reserves."""
    return (
        "json_merge_patch(json_object('category', category, "
        "'revenue', revenue, 'currency', currency, 'value', value, "
        f"'path', case when {_IS_PAGE} then page end, "
        f"'url', case when {_IS_PAGE} then '{ORIGIN}' || page end), "
        "properties::json)"
    )


def call(channel: str, context: str, further: str = "") -> str:
    """SQL for a call as text: page views are page calls, all else is tracked."""
    members = (
        f"'type', case when {_IS_PAGE} then 'page' else 'track' end, "
        "'event', case when event_name <> 'page_viewed' then event_name end, "
        f"'messageId', event_id, 'timestamp', {instant('occurred_at')}, "
        f"'originalTimestamp', {instant('occurred_at')}, "
        f"'sentAt', {instant('received_at')}, 'receivedAt', {instant('received_at')}, "
        f"'userId', user_id, 'anonymousId', anonymous_id, 'channel', {channel}, "
        f"'context', {context}, 'properties', {properties_object()}{further}"
    )
    return f"{without_nulls(f'json_object({members})')}::varchar"


def line_sql(relation: str) -> str:
    """SQL for the calls of a relation's events."""
    context = (
        "json_object('app', json_object('version', app_version), "
        "'campaign', json_object('source', utm_source, 'medium', utm_medium, "
        "'name', utm_campaign), "
        "'device', json_object('type', "
        "case when platform in ('ios', 'android') then platform end), "
        f"'library', json_object('name', {_LIBRARY}, 'version', '1.2.0'), "
        "'location', json_object('city', city, 'country', country, "
        "'region', region), "
        f"'os', json_object('name', os), 'page', {page_object()}, "
        "'userAgent', user_agent)"
    )
    further = ", 'integrations', json_object(), 'version', 2"
    return f"select {call(_CHANNEL, context, further)} as line from {relation}"


SEGMENT: Final = VendorFormat(line_sql)
