"""The simulated product as a customer of Snowplow: the enriched stream's TSV.

Belongs here: which of the 131 columns an event fills, and its entities. Schema:
https://docs.snowplow.io/docs/fundamentals/canonical-event/, order of the columns:
https://docs.snowplow.io/docs/destinations/custom-streaming/enriched-tsv-format/. Not
carried: the category of a page view, which has no data of its own.
"""

from __future__ import annotations

from typing import Final

from ingestion.simulator.vendors.format import VendorFormat, without_nulls
from ingestion.simulator.vendors.segment import ORIGIN
from ingestion.sources.snowplow_atomic import ATOMIC_COLUMNS

_OWN: Final = "iglu:com.snowplowanalytics"
_IS_PAGE: Final = "event_name = 'page_viewed'"


def _time(column: str) -> str:
    return f"coalesce(strftime({column}, '%Y-%m-%d %H:%M:%S.%g'), 'yesterday')"


def _entity(schema: str, members: str, condition: str) -> str:
    """SQL for a self-describing entity, null unless the condition holds."""
    whole = f"json_object('schema', '{schema}', 'data', json_object({members}))"
    return f"case when {condition} then {whole} end"


def _envelope(schema: str, data: str) -> str:
    whole = f"json_object('schema', '{_OWN}.snowplow/{schema}', 'data', {data})"
    return f"{without_nulls(whole)}::varchar"


def _contexts() -> str:
    entities = ", ".join(
        (
            _entity(
                f"{_OWN}.snowplow/web_page/jsonschema/1-0-0",
                "'id', event_id",
                f"{_IS_PAGE} and platform = 'web'",
            ),
            _entity(
                f"{_OWN}.mobile/application/jsonschema/1-0-0",
                "'version', app_version, 'build', '1'",
                "app_version is not null",
            ),
            _entity(
                f"{_OWN}.snowplow/mobile_context/jsonschema/1-0-3",
                "'osType', platform, 'deviceModel', device_type",
                "platform in ('ios', 'android')",
            ),
            _entity(
                f"{_OWN}.snowplow.ecommerce/transaction/jsonschema/1-0-0",
                "'transaction_id', event_id, 'revenue', revenue, 'currency', currency",
                "revenue is not null",
            ),
        )
    )
    listed = f"list_filter([{entities}], lambda entity: entity is not null)"
    return _envelope("contexts/jsonschema/1-0-0", listed)


def _data() -> str:
    """SQL for the data of a self-describing event; page views have none."""
    own = "json_merge_patch(json_object('category', category, 'value', value), "
    own += "properties::json)"
    data = (
        "json_object('schema', 'iglu:com.daybreak.example/' || event_name || "
        f"'/jsonschema/1-0-0', 'data', {own})"
    )
    whole = _envelope("unstruct_event/jsonschema/1-0-0", data)
    return f"case when {_IS_PAGE} then '' else {whole} end"


_FILLED: Final = {
    "app_id": "'daybreak'",
    "platform": "case platform when 'web' then 'web' when 'server' then 'srv' "
    "else 'mob' end",
    "etl_tstamp": _time("received_at"),
    "collector_tstamp": _time("received_at"),
    "dvce_created_tstamp": _time("occurred_at"),
    "dvce_sent_tstamp": _time("occurred_at"),
    "derived_tstamp": _time("occurred_at"),
    "event": f"case when {_IS_PAGE} then 'page_view' else 'unstruct' end",
    "event_id": "event_id",
    "name_tracker": "'daybreak'",
    "v_tracker": "case platform when 'web' then 'js-4.6.2' when 'server' "
    "then 'py-1.1.0' else 'mobile-6.2.0' end",
    "v_collector": "'ssc-3.5.0-kinesis'",
    "v_etl": "'snowplow-enrich-kinesis-5.4.0'",
    "user_id": "user_id",
    "domain_userid": "anonymous_id",
    # The collector's cookie is refused: a new one with each event.
    "network_userid": "md5(event_id)",
    "geo_country": "country",
    "geo_region_name": "region",
    "geo_city": "city",
    "page_url": f"'{ORIGIN}' || page",
    "page_urlscheme": "case when page is not null then 'https' end",
    "page_urlhost": "case when page is not null then 'daybreak.example' end",
    "page_urlpath": "page",
    "page_referrer": "referrer",
    "mkt_medium": "utm_medium",
    "mkt_source": "utm_source",
    "mkt_campaign": "utm_campaign",
    "contexts": _contexts(),
    "unstruct_event": _data(),
    "useragent": "user_agent",
    "br_family": "browser",
    "os_family": "os",
    "dvce_type": "case device_type when 'desktop' then 'Computer' "
    "when 'mobile' then 'Mobile' when 'tablet' then 'Tablet' end",
    "event_vendor": f"case when {_IS_PAGE} then 'com.snowplowanalytics.snowplow' "
    "else 'com.daybreak.example' end",
    "event_name": f"case when {_IS_PAGE} then 'page_view' else event_name end",
    "event_format": "'jsonschema'",
    "event_version": "'1-0-0'",
}


def line_sql(relation: str) -> str:
    """SQL for the enriched events of a relation's events."""
    cells = ", ".join(
        f"coalesce({_FILLED.get(name, 'null')}, '')" for name in ATOMIC_COLUMNS
    )
    return f"select concat_ws(chr(9), {cells}) as line from {relation}"


SNOWPLOW: Final = VendorFormat(line_sql, suffix="tsv")
