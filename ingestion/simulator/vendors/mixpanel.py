"""Mixpanel's raw export of the simulated product, asked for with `time_in_ms`.

Belongs here: Mixpanel's names for what happened. Not here: how they are read
(`ingestion.sources.mixpanel`).

Before a visitor logs in `distinct_id` is `$device:` and the browser's id. Mixpanel
keeps no user agent and knows no place for the area of an event and its number: they are
plain properties.
"""

from __future__ import annotations

from typing import Final

from ingestion.simulator.vendors.format import VendorFormat, lines

_SITE: Final = "https://app.daybreak.example"
_LIBRARY: Final = (
    "case platform when 'web' then 'web' when 'ios' then 'swift' "
    "when 'android' then 'android' else 'python' end"
)
_PROPERTIES: Final = f"""json_object(
    'time', coalesce(epoch_ms(occurred_at)::json, '"yesterday"'::json),
    'distinct_id', coalesce(user_id, '$device:' || anonymous_id),
    '$insert_id', event_id,
    '$user_id', user_id,
    '$device_id', anonymous_id,
    '$session_id', vendor_session_id,
    '$mp_api_timestamp_ms', epoch_ms(received_at),
    'mp_lib', {_LIBRARY},
    '$app_version_string', app_version,
    '$current_url', '{_SITE}' || page,
    '$referrer', referrer,
    'utm_source', utm_source,
    'utm_medium', utm_medium,
    'utm_campaign', utm_campaign,
    'mp_country_code', country,
    '$region', region,
    '$city', city,
    '$os', os,
    '$browser', browser,
    '$amount', revenue,
    '$currency', currency,
    'event_category', category,
    'value', value,
    'user_agent', user_agent
)"""


def _line_sql(relation: str) -> str:
    """SQL for the lines; the client's own properties lie beside Mixpanel's."""
    row = f"""json_object(
        'event', case event_name when 'page_viewed' then '$mp_web_page_view'
            else event_name end,
        'properties', json_merge_patch(properties::json, {_PROPERTIES})
    )"""
    return lines(row, relation)


MIXPANEL: Final = VendorFormat(_line_sql)
