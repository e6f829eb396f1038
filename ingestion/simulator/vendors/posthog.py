"""PostHog's batch export of the simulated product.

Belongs here: PostHog's names for what happened. Not here: how they are read
(`ingestion.sources.posthog`).

Before a visitor logs in `distinct_id` is the browser's id, then the user's, as
`posthog.identify` does it. PostHog knows no place for the area of an event and its
number: they are plain properties (`event_category`, `value`).
"""

from __future__ import annotations

from typing import Final

from ingestion.simulator.vendors.format import VendorFormat, instant, lines

_SITE: Final = "https://app.daybreak.example"
_LIBRARY: Final = (
    "case platform when 'web' then 'web' when 'ios' then 'posthog-ios' "
    "when 'android' then 'posthog-android' else 'posthog-python' end"
)
_PROPERTIES: Final = f"""json_object(
    '$lib', {_LIBRARY},
    '$user_id', user_id,
    '$device_id', anonymous_id,
    '$is_identified',
        case when anonymous_id is not null then user_id is not null end,
    '$session_id', vendor_session_id,
    '$app_version', app_version,
    '$current_url', '{_SITE}' || page,
    '$pathname', page,
    '$referrer', referrer,
    'utm_source', utm_source,
    'utm_medium', utm_medium,
    'utm_campaign', utm_campaign,
    '$geoip_country_code', country,
    '$geoip_subdivision_1_name', region,
    '$geoip_city_name', city,
    '$device_type', upper(device_type[1]) || device_type[2:],
    '$os', os,
    '$browser', browser,
    '$raw_user_agent', user_agent,
    'revenue', revenue,
    '$currency', currency,
    'event_category', category,
    'value', value
)"""


def _line_sql(relation: str) -> str:
    """SQL for the lines; the client's own properties lie beside PostHog's."""
    row = f"""json_object(
        'uuid', event_id,
        'event', case event_name when 'page_viewed' then '$pageview'
            when 'screen_viewed' then '$screen' else event_name end,
        'distinct_id', coalesce(user_id, anonymous_id),
        'properties', json_merge_patch(properties::json, {_PROPERTIES}),
        'elements_chain', '',
        'team_id', 1,
        'timestamp', {instant("occurred_at")},
        'created_at', strftime(received_at, '%Y-%m-%dT%H:%M:%S.%gZ')
    )"""
    return lines(row, relation)


POSTHOG: Final = VendorFormat(_line_sql)
