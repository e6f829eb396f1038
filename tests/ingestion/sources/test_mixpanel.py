"""What Mixpanel's raw export holds, and what lands from it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ingestion.landing_home import Home
from tests.ingestion.sources.landed import home_for, landed_fixture

FIXTURE = "mixpanel_events.jsonl"
ID = "mpins00000000"
WEB = {
    "received_at": "2024-01-01 11:00:01.25",
    "anonymous_id": "18d1e2f0001-0d00",
    "platform": "web",
    "page": "/pricing",
    "utm_source": "hn",
    "country": "NL",
    "region": "North Holland",
    "city": "Amsterdam",
    "device_type": "desktop",
    "os": "Mac OS X",
    "browser": "Chrome",
}
SERVER = {"user_id": "u-77", "platform": "server"}
EXPECTED: dict[str, dict[str, Any]] = {
    "1": WEB | {"event_name": "page_viewed", "occurred_at": "2024-01-01 11:00:00"},
    "2": WEB
    | {
        "event_name": "identified",
        "occurred_at": "2024-01-01 11:01:00.123",
        "user_id": "u-77",
    },
    "3": WEB
    | {
        "event_name": "Order Completed",
        "occurred_at": "2024-01-01 11:02:00",
        "user_id": "u-77",
        "revenue": 49.9,
        "currency": "EUR",
    },
    "4": SERVER | {"event_name": "Invoice Paid", "occurred_at": "2024-01-01 11:03:00"},
    "5": SERVER | {"event_name": "aliased", "occurred_at": "2024-01-01 11:04:00"},
    "6": {"event_name": "aliased", "occurred_at": "2024-01-01 11:05:00"},
    "7": {
        "event_name": "App Opened",
        "occurred_at": "2024-01-01 11:06:00",
        "anonymous_id": "ABC-1",
        "platform": "ios",
        "app_version": "4.2.0",
        "device_type": "tablet",
        "os": "iOS",
    },
}


def test_lines_of_the_export(home: Home) -> None:
    found = landed_fixture(home, "mixpanel", FIXTURE)
    assert {
        key.removeprefix(ID): {
            k: v for k, v in row.items() if k not in ("properties", "event_id")
        }
        for key, row in found.items()
    } == EXPECTED
    properties = {key[-1]: row["properties"] for key, row in found.items()}
    assert properties["1"]["$event_name"] == "$mp_web_page_view"
    assert properties["1"]["page_title"] == "Pricing"
    assert properties["1"]["$screen_height"] == 1080
    assert properties["3"]["items"] == [{"sku": "SKU1"}]
    ids = {key: found.get("$ids") for key, found in properties.items()}
    assert ids == dict.fromkeys("1234") | {
        "5": ["crm-9"],
        "6": ["u-77", "old-3"],
        "7": ["u-77"],
    }


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"distinct_id": "$device:d"}, (None, "d")),
        ({"distinct_id": "$device:d", "$device_id": "d"}, (None, "d")),
        ({"distinct_id": "d", "$device_id": "d"}, (None, "d")),
        ({"distinct_id": "u", "$device_id": "d"}, ("u", "d")),
        ({"distinct_id": "u", "$device_id": "d", "$user_id": "u"}, ("u", "d")),
        ({"distinct_id": "d", "$device_id": "d", "$user_id": "u"}, ("u", "d")),
        ({"distinct_id": "u"}, ("u", None)),
        ({"distinct_id": "", "$device_id": "undefined"}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_whose_event_it_is(
    home: Home, sent: dict[str, Any], expected: tuple[str | None, str | None]
) -> None:
    home = home_for(home, "mixpanel")
    home.write(
        "mixpanel/a.jsonl", [{"event": "a", "properties": {"time": 1704106800} | sent}]
    )
    home.land()
    assert home.query("select user_id, anonymous_id from events") == [expected]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (1704106800, "2024-01-01 11:00:00"),
        (1704106800.25, "2024-01-01 11:00:00.25"),
        ("1704106800", "2024-01-01 11:00:00"),
        (1704106800123, "2024-01-01 11:00:00.123"),
        ("2024-01-01T11:00:00Z", "2024-01-01 11:00:00"),
        (999999999, "2001-09-09 01:46:39"),
    ],
)
def test_times(home: Home, time: object, expected: str) -> None:
    home = home_for(home, "mixpanel")
    home.write("mixpanel/a.jsonl", [{"event": "a", "properties": {"time": time}}])
    home.land()
    assert home.query("select occurred_at::varchar from events") == [(expected,)]
