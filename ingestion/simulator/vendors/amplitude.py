"""Amplitude's raw export of the simulated product.

Belongs here: Amplitude's names for what happened. Not here: how they are read
(`ingestion.sources.amplitude`).

The browser library writes the browser as `os_name` and the system as `device_family`.
Amplitude keeps no user agent and knows no place for the area of an event and its
number: they are event properties.
"""

from __future__ import annotations

from typing import Final

from ingestion.simulator.vendors.format import VendorFormat, lines

_SITE: Final = "https://app.daybreak.example"
_EVENT_TIME: Final = "'%Y-%m-%d %H:%M:%S.%f'"
_EVENT_PROPERTIES: Final = f"""json_object(
    '[Amplitude] Page Path', page,
    '[Amplitude] Page URL', '{_SITE}' || page,
    'referrer', referrer,
    'utm_source', utm_source,
    'utm_medium', utm_medium,
    'utm_campaign', utm_campaign,
    '$revenue', revenue,
    '$currency', currency,
    'event_category', category,
    'value', value,
    'user_agent', user_agent
)"""


def _line_sql(relation: str) -> str:
    """SQL for the lines; the client's own properties lie beside Amplitude's."""
    row = f"""json_object(
        '$insert_id', event_id,
        'uuid', event_id,
        'event_type', case event_name when 'page_viewed' then '[Amplitude] Page Viewed'
            when 'screen_viewed' then '[Amplitude] Screen Viewed' else event_name end,
        'event_time',
            coalesce(strftime(occurred_at, {_EVENT_TIME}), 'yesterday'),
        'server_received_time', strftime(received_at, {_EVENT_TIME}),
        'user_id', user_id,
        'device_id', anonymous_id,
        'session_id', coalesce(vendor_session_id, '-1'),
        'platform', case platform when 'web' then 'Web' when 'ios' then 'iOS'
            when 'android' then 'Android' else platform end,
        'version_name', app_version,
        'os_name', case when platform = 'web' then browser else os end,
        'device_family', case when platform = 'web' then os
            when os = 'iOS' then 'Apple iPhone' when os = 'iPadOS' then 'Apple iPad'
            when os = 'Android' then 'Google Pixel' end,
        'country', country,
        'region', region,
        'city', city,
        'library', 'amplitude-ts/2.11.1',
        'event_properties', json_merge_patch(properties::json, {_EVENT_PROPERTIES}),
        'user_properties', '{{}}'::json
    )"""
    return lines(row, relation)


AMPLITUDE: Final = VendorFormat(_line_sql)
