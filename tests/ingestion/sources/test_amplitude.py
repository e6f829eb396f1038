"""What Amplitude's raw export holds, and what lands from it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ingestion.landing_home import Home
from tests.ingestion.sources.landed import events, home_for, landed_fixture

FIXTURE = "amplitude_events.jsonl"
ID = "d00dfeed-0000-11ee-8000-00000000000"
PLACE = {
    "received_at": "2024-01-01 11:00:02.5",
    "country": "Netherlands",
    "region": "North Holland",
    "city": "Amsterdam",
}
WEB = PLACE | {
    "anonymous_id": "dev-1",
    "vendor_session_id": "dev-1.1704106790000",
    "platform": "web",
    "device_type": "desktop",
    "os": "Mac",
    "browser": "Chrome",
}
EXPECTED: dict[str, dict[str, Any]] = {
    f"{ID}1": WEB
    | {
        "event_name": "page_viewed",
        "occurred_at": "2024-01-01 11:00:00.123",
        "page": "/pricing",
        "referrer": "https://www.google.com/",
        "utm_source": "news",
        "utm_campaign": "spring",
    },
    f"{ID}2": WEB
    | {
        "event_name": "Order Completed",
        "occurred_at": "2024-01-01 11:01:00",
        "user_id": "u-77",
        "revenue": -19.95,
        "currency": "EUR",
    },
    f"{ID}3": PLACE
    | {
        "event_name": "screen_viewed",
        "occurred_at": "2024-01-01 11:00:00.123",
        "anonymous_id": "dev-2",
        "platform": "ios",
        "app_version": "4.2.0",
        "page": "Settings",
        "device_type": "tablet",
        "os": "ios",
    },
    "ins-9@u-77": PLACE
    | {
        "event_name": "revenue_amount",
        "occurred_at": "2024-01-01 11:00:00.123",
        "user_id": "u-77",
        "revenue": 10.0,
    },
    f"{ID}5": WEB
    | {
        "event_name": "identified",
        "occurred_at": "2024-01-01 11:04:00",
        "user_id": "u-77",
    },
}


def test_lines_of_the_export(home: Home) -> None:
    found = landed_fixture(home, "amplitude", FIXTURE)
    assert {
        key: {k: v for k, v in row.items() if k not in ("properties", "event_id")}
        for key, row in found.items()
    } == EXPECTED
    page = found[f"{ID}1"]["properties"]
    assert page["$event_name"] == "[Amplitude] Page Viewed"
    assert page["page_url"] == "https://app.example/pricing?utm_campaign=spring"
    assert page["$set"]["initial_utm_source"] == "EMPTY"
    assert (page["amplitude_id"], page["event_id"]) == (123456789, 7)
    assert "session_id" not in page
    assert found[f"{ID}3"]["properties"]["session_id"] == -1
    assert found[f"{ID}2"]["properties"]["order_id"] == "o-1"
    assert found[f"{ID}5"]["properties"]["$set"] == {"plan": "team"}


def test_an_insert_id_is_unique_for_its_device_only(home: Home) -> None:
    row = {"event_type": "a", "event_time": "2024-01-01 00:00:00", "$insert_id": "1"}
    home = home_for(home, "amplitude")
    home.write("amplitude/a.jsonl", [row | {"device_id": id_} for id_ in "abb"])
    home.land()
    assert sorted(events(home)) == ["1@a", "1@b"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"event_properties": {"$revenue": 5, "revenue": 4}}, 5.0),
        ({"event_properties": {"revenue": "4.5"}}, 4.5),
        ({"revenue": 3, "event_properties": {"$price": 9}}, 3.0),
        ({"event_properties": {"$price": 9.5}}, 9.5),
        ({"event_properties": {"$price": 9.5, "$quantity": 3}}, 28.5),
        ({"event_properties": {}}, None),
    ],
)
def test_revenue(home: Home, sent: dict[str, Any], expected: float | None) -> None:
    row = {"event_type": "a", "event_time": "2024-01-01 00:00:00", "uuid": "1"}
    home = home_for(home, "amplitude")
    home.write("amplitude/a.jsonl", [row | sent])
    home.land()
    assert events(home)["1"].get("revenue") == expected
