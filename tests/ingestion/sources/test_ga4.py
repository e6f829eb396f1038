"""What a GA4 export holds, as BigQuery writes it, and what lands from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.ingestion.landing_home import Home
from tests.ingestion.sources.landed import FIXTURES, events, home_for, landed_fixture

FIXTURE = "ga4_events.jsonl"


def by_name(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["event_name"]: row for row in found.values()}


def columns(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k not in ("properties", "event_id")}


def test_rows_of_the_export(home: Home) -> None:
    found = by_name(landed_fixture(home, "ga4", FIXTURE))
    web = {
        "anonymous_id": "1026454.4271112504",
        "vendor_session_id": "1026454.4271112504.1704106799",
        "platform": "web",
        "country": "United States",
        "region": "California",
        "device_type": "desktop",
        "os": "Windows",
        "browser": "Chrome",
    }
    assert columns(found["page_viewed"]) == web | {
        "event_name": "page_viewed",
        "occurred_at": "2024-01-01 11:00:00.123456",
        "received_at": "2024-01-01 11:00:01.623456",
        "page": "/apparel",
        "referrer": "https://www.google.com/",
        "utm_source": "newsletter",
        "utm_medium": "email",
        "utm_campaign": "may sale",
    }
    assert columns(found["purchase"]) == web | {
        "event_name": "purchase",
        "occurred_at": "2024-01-01 11:01:00",
        "received_at": "2024-01-01 11:01:01.5",
        "user_id": "u-77",
        "page": "/checkout/done",
        "revenue": 49.9,
        "currency": "EUR",
        "value": 49.9,
    }
    assert columns(found["refund"]) == {
        "event_name": "refund",
        "occurred_at": "2024-01-02 11:00:00",
        "received_at": "2024-01-02 11:00:01.5",
        "user_id": "u-77",
        "platform": "web",
        "country": "United States",
        "region": "California",
        "device_type": "desktop",
        "revenue": -49.9,
        "currency": "EUR",
    }
    assert columns(found["screen_viewed"]) == {
        "event_name": "screen_viewed",
        "occurred_at": "2024-01-02 11:01:40",
        "received_at": "2024-01-02 11:01:41.5",
        "anonymous_id": "5f1d0c",
        "vendor_session_id": "5f1d0c.1704193299",
        "platform": "ios",
        "app_version": "3.1.4",
        "page": "Home",
        "country": "United States",
        "region": "California",
        "device_type": "mobile",
        "os": "IOS",
    }


def test_parameters_become_properties_of_their_type(home: Home) -> None:
    page = by_name(landed_fixture(home, "ga4", FIXTURE))["page_viewed"]["properties"]
    assert page["ga_session_id"] == 1704106799
    assert page["debug"] == 0.5
    assert page["page_title"] == 'Apparel "new"'
    assert page["page_url"].startswith("https://shop.example/apparel?")
    assert page["$event_name"] == "page_view"
    assert page["$set"] == {"plan": "free", "age": 42}
    assert page["device"]["web_info"]["browser_version"] == "92.0.4515.107"
    assert "event_params" not in page


def test_items_and_the_first_source_stay_properties(home: Home) -> None:
    found = by_name(landed_fixture(home, "ga4", FIXTURE))
    assert found["purchase"]["properties"]["items"][0]["item_id"] == "SKU1"
    assert found["purchase"]["properties"]["ecommerce"]["transaction_id"] == "T-1"
    assert found["refund"]["properties"]["traffic_source"]["source"] == "(direct)"


def test_parquet_gives_what_json_lines_give(home: Home, tmp_path: Path) -> None:
    lines = landed_fixture(home, "ga4", FIXTURE)
    other = home_for(Home(tmp_path / "other", home.options), "ga4")
    other = other.with_options(
        landing_dir=tmp_path / "other/landing", lake_dir=tmp_path / "other/lake"
    )
    target = other.path("ga4/events.parquet")
    # As BigQuery writes Parquet: integers are numbers, absent members are null.
    typed = (
        "list_transform({}, lambda p: struct_pack(key := p.key, value := struct_pack("
        "string_value := p.value.string_value, "
        "int_value := p.value.int_value::bigint, "
        "float_value := null::double, double_value := p.value.double_value)))"
    )
    reader = (
        f"read_json('{FIXTURES / FIXTURE}', sample_size = -1, columns = {{"
        + ", ".join(f"'{key}': '{kind}'" for key, kind in TYPES.items())
        + "})"
    )
    duckdb.execute(
        f"copy (select * replace ({typed.format('event_params')} as event_params, "
        f"{typed.format('user_properties')} as user_properties) from {reader}) "
        f"to '{target}' (format parquet)"
    )
    other.land()
    assert other.refused() == []
    again = events(other)
    assert [columns(again[key]) for key in again] == [
        columns(lines[key]) for key in again
    ]
    assert set(again) == set(lines)
    sent = [json.loads(row) for row in (FIXTURES / FIXTURE).read_text().splitlines()]
    names = {param["key"] for row in sent for param in row["event_params"]}
    assert [parameters(again[key], names) for key in again] == [
        parameters(lines[key], names) for key in again
    ]


def parameters(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    assert "event_params" not in row["properties"]
    return {key: row["properties"][key] for key in names & set(row["properties"])}


_VALUE = (
    "STRUCT(string_value VARCHAR, int_value VARCHAR, double_value DOUBLE, "
    "set_timestamp_micros VARCHAR)"
)
TYPES = {
    "event_date": "VARCHAR",
    "event_timestamp": "BIGINT",
    "event_name": "VARCHAR",
    "event_params": f"STRUCT(key VARCHAR, value {_VALUE})[]",
    "event_bundle_sequence_id": "BIGINT",
    "event_server_timestamp_offset": "BIGINT",
    "user_id": "VARCHAR",
    "user_pseudo_id": "VARCHAR",
    "user_properties": f"STRUCT(key VARCHAR, value {_VALUE})[]",
    "device": "STRUCT(category VARCHAR, operating_system VARCHAR, "
    "web_info STRUCT(browser VARCHAR))",
    "geo": "STRUCT(country VARCHAR, region VARCHAR, city VARCHAR)",
    "app_info": 'STRUCT(id VARCHAR, "version" VARCHAR)',
    "collected_traffic_source": "STRUCT(manual_source VARCHAR, manual_medium VARCHAR)",
    "ecommerce": "STRUCT(purchase_revenue DOUBLE, refund_value DOUBLE)",
    "stream_id": "VARCHAR",
    "platform": "VARCHAR",
    "batch_event_index": "BIGINT",
    "batch_ordering_id": "BIGINT",
    "batch_page_id": "BIGINT",
}


def line(**fields: object) -> dict[str, object]:
    return {
        "event_timestamp": "1704106800000000",
        "event_name": "a",
        "user_pseudo_id": "d",
        "event_params": [],
        "batch_event_index": "1",
    } | fields


@pytest.mark.parametrize(
    "params",
    [
        [{"key": "k", "value": {"bool_value": True}}],
        [{"key": "k", "value": {"string_value": "a"}, "unit": "ms"}],
        [
            {"key": 5, "value": {"int_value": 3}},
            {"key": "j", "value": {"int_value": 3}},
        ],
        [{"key": "k", "value": 5}],
        ["k"],
        {"k": 1},
        "k",
    ],
)
def test_parameters_unlike_the_schema_stay_whole(home: Home, params: object) -> None:
    home = home_for(home, "ga4")
    home.write("ga4/a.jsonl", [line(event_params=params)])
    home.land()
    ((properties,),) = home.query("select properties from events")
    assert json.loads(properties)["event_params"] == params


@pytest.mark.parametrize("sent", ["12.7", "1_000", "0x1F", "", "9" * 30, 12.5])
def test_an_integer_that_is_none_is_kept_as_it_stands(home: Home, sent: object) -> None:
    home = home_for(home, "ga4")
    params = [{"key": "k", "value": {"int_value": sent}}]
    home.write("ga4/a.jsonl", [line(event_params=params)])
    home.land()
    ((properties,),) = home.query("select properties from events")
    assert json.loads(properties)["k"] == sent


def test_ids_tell_events_of_a_batch_apart_and_know_copies(home: Home) -> None:
    home = home_for(home, "ga4")
    old = {"batch_event_index": None, "event_params": [{"key": "k", "value": {}}]}
    home.write(
        "ga4/a.jsonl",
        [
            *(line(), line(), line(batch_event_index="2"), line(user_pseudo_id="e")),
            *(line(event_name="b"), line(batch_event_index="1", is_active_user=True)),
            *(line(**old), line(**old), line(**old | {"event_params": []})),
        ],
    )
    home.land()
    found = home.query("select count(*), count(distinct event_id) from events")
    assert found == [(9, 6)]


def test_sessions_of_two_users_differ(home: Home) -> None:
    home = home_for(home, "ga4")
    params = [{"key": "ga_session_id", "value": {"int_value": "7"}}]
    home.write(
        "ga4/a.jsonl",
        [line(event_params=params), line(event_params=params, user_pseudo_id="e")],
    )
    home.land()
    assert home.query("select vendor_session_id from events order by 1") == [
        ("d.7",),
        ("e.7",),
    ]
