"""What a PostHog batch export holds, and what lands from it."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from tests.ingestion.landing_home import Home
from tests.ingestion.sources.landed import FIXTURES, events, home_for, landed_fixture

FIXTURE = "posthog_events.jsonl"
ID = "018d1e2f-aaaa-7000-8000-00000000000"
DEVICE = "018d1e2f-0001-7000-8000-aabbccddeeff"
RECEIVED = "2024-01-01 11:10:00.25"
WEB = {
    "received_at": RECEIVED,
    "anonymous_id": DEVICE,
    "vendor_session_id": "018d1e2f-0002-7000-8000-000000000001",
    "platform": "web",
    "country": "NL",
    "region": "North Holland",
    "city": "Amsterdam",
    "device_type": "desktop",
    "os": "Mac OS X",
    "browser": "Chrome",
}
SERVER = {"received_at": RECEIVED, "user_id": "u-77", "platform": "server"}
EXPECTED: dict[str, dict[str, Any]] = {
    "1": WEB
    | {
        "event_name": "page_viewed",
        "occurred_at": "2024-01-01 11:00:00.123",
        "page": "/pricing",
        "utm_source": "hn",
    },
    "2": WEB
    | {
        "event_name": "identified",
        "occurred_at": "2024-01-01 11:01:00",
        "user_id": "u-77",
    },
    "3": WEB
    | {
        "event_name": "order completed",
        "occurred_at": "2024-01-01 11:02:00",
        "user_id": "u-77",
        "revenue": 49.9,
        "currency": "EUR",
    },
    "4": SERVER | {"event_name": "invoice paid", "occurred_at": "2024-01-01 11:03:00"},
    "5": SERVER | {"event_name": "aliased", "occurred_at": "2024-01-01 11:04:00"},
    "6": {
        "event_name": "screen_viewed",
        "occurred_at": "2024-01-01 11:05:00",
        "received_at": RECEIVED,
        "anonymous_id": "ios-device-1",
        "platform": "ios",
        "app_version": "4.2.0",
        "page": "Settings",
        "device_type": "mobile",
        "os": "iOS",
    },
    "7": SERVER | {"event_name": "grouped", "occurred_at": "2024-01-01 11:06:00"},
}


def columns(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        key.removeprefix(ID): {
            k: v for k, v in row.items() if k not in ("properties", "event_id")
        }
        for key, row in found.items()
    }


def test_rows_of_the_export(home: Home) -> None:
    found = landed_fixture(home, "posthog", FIXTURE)
    assert columns(found) == EXPECTED
    page = found[f"{ID}1"]["properties"]
    assert page["$event_name"] == "$pageview"
    assert page["$page_view_id"] == "pv-1"
    assert page["page_url"] == "https://app.example/pricing?utm_source=hn"
    assert page["page_title"] == "Pricing"
    assert page["user_agent"].startswith("Mozilla/5.0")
    assert page["person_properties"] == {"email": "ada@example.com"}
    identified = found[f"{ID}2"]["properties"]
    assert identified["$set"] == {"email": "ada@example.com"}
    assert identified["$set_once"] == {"$initial_utm_source": "hn"}
    assert found[f"{ID}3"]["properties"]["value"] == "gold"
    assert found[f"{ID}5"]["properties"]["$ids"] == ["crm-9"]


def test_parquet_has_properties_as_text(home: Home) -> None:
    home = home_for(home, "posthog")
    duckdb.execute(
        "copy (select uuid, event, properties::varchar as properties, distinct_id, "
        '"timestamp"::timestamptz as "timestamp", '
        "created_at::timestamptz as created_at "
        f"from read_json('{FIXTURES / FIXTURE}', columns = {{uuid: 'VARCHAR', "
        "event: 'VARCHAR', properties: 'JSON', distinct_id: 'VARCHAR', "
        "\"timestamp\": 'VARCHAR', created_at: 'VARCHAR'})) "
        f"to '{home.path('posthog/a.parquet')}' (format parquet)"
    )
    home.land()
    assert columns(events(home)) == EXPECTED


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"$is_identified": True, "$device_id": "d"}, ("x", "d")),
        ({"$is_identified": False, "$device_id": "d"}, (None, "x")),
        ({"$device_id": "d"}, (None, "x")),
        ({"$device_id": "d", "$user_id": "x"}, ("x", "d")),
        ({"$device_id": "d", "$user_id": "y"}, ("y", "x")),
        ({"$process_person_profile": False}, (None, "x")),
        ({"$lib": "posthog-android"}, (None, "x")),
        ({"$lib": "posthog-go"}, ("x", None)),
        ({}, ("x", None)),
    ],
)
def test_whose_event_it_is(
    home: Home, properties: dict[str, Any], expected: tuple[str | None, str | None]
) -> None:
    home = home_for(home, "posthog")
    row = {
        "uuid": "1",
        "event": "a",
        "distinct_id": "x",
        "timestamp": "2024-01-01T00:00:00Z",
        "properties": properties,
    }
    home.write("posthog/a.jsonl", [row])
    home.land()
    assert home.query("select user_id, anonymous_id from events") == [expected]


def test_set_beside_the_properties(home: Home) -> None:
    base = {"event": "a", "distinct_id": "x", "timestamp": "2024-01-01T00:00:00Z"}
    sent = {"plan": "pro"}
    home = home_for(home, "posthog")
    home.write(
        "posthog/a.jsonl",
        [
            base | {"uuid": "same", "properties": {"$set": sent}, "set": sent},
            base | {"uuid": "alone", "properties": {}, "set": sent},
            base | {"uuid": "other", "properties": {"$set": {}}, "set": sent},
            base | {"uuid": "odd", "properties": "none", "set": 5},
        ],
    )
    home.land()
    found = {key: row["properties"] for key, row in events(home).items()}
    assert found == {
        "same": {"$set": sent},
        "alone": {"$set": sent},
        "other": {"$set": {}, "$event.$set": sent},
        "odd": {"properties": "none", "set": 5},
    }
