"""Google Analytics 4's BigQuery export of the simulated product, as JSON lines.

Belongs here: GA4's names for what happened. Not here: how they are read
(`ingestion.sources.ga4`).

As BigQuery does, integers are written as strings and what is null is left out. GA4 has
no id of an event: the number of its batch stands in for it, so that copies stay copies.
It keeps no user agent and knows no place for the area of an event: they are parameters.
Parameters are texts, integers and floats, so that `true` becomes a text.
"""

from __future__ import annotations

from typing import Final

from ingestion.simulator.vendors.format import VendorFormat, lines, without_nulls

_SITE: Final = "https://app.daybreak.example"
# Parameters that GA4's own library sends, beside those of the client.
_PARAMETERS: Final = {
    "page_location": f"to_json('{_SITE}' || page)",
    "page_referrer": "to_json(referrer)",
    "source": "to_json(utm_source)",
    "medium": "to_json(utm_medium)",
    "campaign": "to_json(utm_campaign)",
    "ga_session_id": "to_json(try_cast(vendor_session_id as bigint))",
    "currency": "to_json(currency)",
    "value": "to_json(value::double)",
    "event_category": "to_json(category)",
    "user_agent": "to_json(user_agent)",
}
_VALUE: Final = (
    "case json_type(value) when 'VARCHAR' then json_object('string_value', value) "
    "when 'UBIGINT' then json_object('int_value', value::varchar) "
    "when 'BIGINT' then json_object('int_value', value::varchar) "
    "when 'DOUBLE' then json_object('double_value', value) "
    "else json_object('string_value', value::varchar) end"
)


def _parameters() -> str:
    """SQL for all parameters of an event as a JSON list of keys and typed values."""
    own = ", ".join(f"'{key}', {sql}" for key, sql in _PARAMETERS.items())
    # What GA4 does not send must not take out what the client does.
    sent = without_nulls(f"json_object({own})")
    merged = f"json_merge_patch(properties::json, {sent})"
    pair = (
        "json_object('key', key, 'value', list_transform([json_extract(whole, "
        f"'/' || key)], lambda value: {_VALUE})[1])"
    )
    return (
        f"list_transform([{merged}], lambda whole: to_json(list_transform("
        f"json_keys(whole), lambda key: {pair})))[1]"
    )


def _line_sql(relation: str) -> str:
    """SQL for the lines."""
    micros = "epoch_us(occurred_at)"
    row = f"""json_object(
        'event_date', strftime(occurred_at, '%Y%m%d'),
        'event_timestamp', coalesce({micros}::varchar, 'yesterday'),
        'event_name', case event_name when 'page_viewed' then 'page_view'
            when 'screen_viewed' then 'screen_view' else event_name end,
        'event_params', {_parameters()},
        'event_bundle_sequence_id', ((md5_number(event_id) >> 65)::bigint)::varchar,
        'event_server_timestamp_offset', (epoch_us(received_at) - {micros})::varchar,
        'user_id', user_id,
        'user_pseudo_id', anonymous_id,
        'user_properties', '[]'::json,
        'device', json_object(
            'category', device_type,
            'operating_system', os,
            'web_info', case when platform = 'web'
                then json_object('browser', browser) end
        ),
        'geo', json_object('country', country, 'region', region, 'city', city),
        'app_info', case when app_version is not null
            then json_object('version', app_version) end,
        'ecommerce', case when revenue >= 0
            then json_object('purchase_revenue', revenue::double)
            when revenue < 0 then json_object('refund_value', -revenue::double) end,
        'items', '[]'::json,
        'stream_id', '1234567890',
        'platform', upper(platform),
        'batch_event_index', '1'
    )"""
    return lines(row, relation)


GA4: Final = VendorFormat(_line_sql)
