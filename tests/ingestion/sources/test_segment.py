"""Segment's calls, as its S3 destination writes them, and what lands from them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ingestion.landing_home import Home
from tests.ingestion.sources.landed import (
    FIXTURES,
    events,
    home_for,
    landed_fixture,
    lost,
)

CALLS = "segment_calls.jsonl"
BROWSER = "23adfd82-aa0f-45a7-a756-24f2a7a4c895"
USER = "97980cfea0067"
EXPECTED: dict[str, dict[str, Any]] = {
    "ajs-next-1704106800-page": {
        "event_name": "page_viewed",
        # The client's clock ran 3.7 s ahead; `timestamp` has it corrected.
        "occurred_at": "2024-01-01 11:00:01.42",
        "received_at": "2024-01-01 11:00:01.5",
        "anonymous_id": BROWSER,
        "platform": "web",
        "page": "/academy/",
        "referrer": "https://www.google.com/",
        "utm_source": "Newsletter",
        "utm_medium": "email",
        "utm_campaign": "TPS Innovation Newsletter",
    },
    "ajs-next-1704106860-identify": {
        "event_name": "identified",
        "occurred_at": "2024-01-01 11:01:00.05",
        "received_at": "2024-01-01 11:01:00.1",
        "user_id": USER,
        "anonymous_id": BROWSER,
        "platform": "web",
        "page": "/academy/",
    },
    "ajs-next-1704106920-track": {
        "event_name": "Order Completed",
        "category": "Games",
        "occurred_at": "2024-01-01 11:02:00",
        "received_at": "2024-01-01 11:02:00.1",
        "user_id": USER,
        "anonymous_id": BROWSER,
        "platform": "web",
        "page": "/checkout",
        # No campaign in the context: the address names it.
        "utm_source": "spring",
        "utm_medium": "cpc",
        "revenue": 25.99,
        "currency": "USD",
        "value": 30.0,
    },
    "6D3A-screen": {
        "event_name": "screen_viewed",
        "occurred_at": "2024-01-01 11:03:00",
        "received_at": "2024-01-01 11:03:00.1",
        "user_id": USER,
        "anonymous_id": "F5A1F0C2-ios",
        "platform": "ios",
        "app_version": "3.1.4",
        "page": "Basket",
        "country": "United States",
        "region": "California",
        "city": "San Francisco",
        "os": "iPhone OS",
    },
    "py-group": {
        "event_name": "grouped",
        "occurred_at": "2024-01-01 11:04:00",
        "received_at": "2024-01-01 11:04:00.1",
        "user_id": USER,
        "platform": "server",
    },
    "py-alias": {
        "event_name": "aliased",
        "occurred_at": "2024-01-01 11:05:00",
        "received_at": "2024-01-01 11:05:00.1",
        "user_id": USER,
        "platform": "server",
    },
}
RESERVED: dict[str, dict[str, Any]] = {
    "ajs-next-1704106800-page": {
        "$event_name": "page",
        "page_url": "https://segment.example/academy/?utm_source=Newsletter",
        "page_title": "Analytics Academy",
        "user_agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)",
    },
    "ajs-next-1704106860-identify": {
        "$event_name": "identify",
        "$set": {"email": "peter@initech.example", "plan": "premium", "logins": 5},
    },
    "ajs-next-1704106920-track": {"$set": {"plan": "premium"}},
    "6D3A-screen": {"$event_name": "screen"},
    # The traits of a group are not the person's.
    "py-group": {"$event_name": "group"},
    "py-alias": {"$event_name": "alias", "$ids": ["old-123"]},
}


def test_every_call_becomes_its_event(home: Home) -> None:
    found = landed_fixture(home, "segment", CALLS)
    properties = {key: row.pop("properties") for key, row in found.items()}
    assert found == {key: {"event_id": key} | row for key, row in EXPECTED.items()}
    for key, reserved in RESERVED.items():
        given = {
            name: value
            for name, value in properties[key].items()
            if name.startswith("$") or name in reserved
        }
        assert given == reserved, key


def test_nothing_that_was_sent_is_lost(home: Home) -> None:
    found = landed_fixture(home, "segment", CALLS)
    for line in (FIXTURES / CALLS).read_text().splitlines():
        sent = json.loads(line)
        # Addresses of clients land truncated.
        sent["context"].pop("ip", None)
        row = found[sent["messageId"]]
        mapped = {"timestamp", "receivedAt", "type"}
        if sent.get("originalTimestamp") == sent["timestamp"]:
            mapped.add("originalTimestamp")
        assert not lost(sent, row, mapped=mapped)
    group = found["py-group"]["properties"]
    assert group["traits"] == {"name": "Initech", "employees": 329}
    assert group["groupId"] == "0e8c78ea9d97"


def call(**fields: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Tried",
        "messageId": "m1",
        "timestamp": "2024-05-01T10:00:00Z",
        "anonymousId": "a1",
        **fields,
    }


def landed_one(home: Home, row: dict[str, Any]) -> dict[str, Any]:
    home = home_for(home, "segment")
    home.write("segment/one.jsonl", [row])
    home.land()
    assert home.refused() == []
    [found] = events(home).values()
    return found


@pytest.mark.parametrize(
    ("library", "context", "platform"),
    [
        ("analytics.js", {"os": {"name": "iOS"}}, "web"),
        ("analytics-kotlin", {}, "android"),
        ("@segment/analytics-react-native", {"os": {"name": "iPadOS"}}, "ios"),
        ("@segment/analytics-react-native", {"device": {"type": "android"}}, "android"),
        ("@segment/analytics-node", {}, "server"),
        ("home-made", {}, "server"),
    ],
)
def test_the_library_tells_the_platform(
    home: Home, library: str, context: dict[str, Any], platform: str
) -> None:
    context = {"library": {"name": library}, **context}
    found = landed_one(home, call(context=context, channel="server"))
    assert found["platform"] == platform
    # A phone's system is no kind of device.
    assert "device_type" not in found


def test_a_value_that_is_no_number_is_a_property(home: Home) -> None:
    found = landed_one(home, call(properties={"value": "large", "currency": "EUR"}))
    assert "value" not in found
    # A currency is that of the revenue, and there is none.
    assert "currency" not in found
    assert found["properties"] == {"value": "large", "currency": "EUR"}


def test_revenue_that_cannot_be_read_is_refused(home: Home) -> None:
    home = home_for(home, "segment")
    home.write("segment/one.jsonl", [call(properties={"revenue": "$9"})])
    home.land()
    assert home.refused() == [("segment/one.jsonl", 1, "invalid_amount")]


def test_calls_without_what_an_event_needs_are_refused(home: Home) -> None:
    home = home_for(home, "segment")
    nameless, undated = call(), call(timestamp=None)
    del nameless["event"]
    home.write("segment/two.jsonl", [nameless, undated, {"context": {}}])
    home.land()
    assert [reason for _, _, reason in home.refused()] == [
        "missing_event_name",
        "missing_timestamp",
        "missing_event_name",
    ]


def test_objects_in_strings_are_unpacked(home: Home) -> None:
    found = landed_one(
        home,
        call(
            properties='{"plan": "pro"}', context='{"page": {"path": "/a"}}', traits=[1]
        ),
    )
    assert found["page"] == "/a"
    assert found["properties"] == {
        "plan": "pro",
        "context": {"page": {"path": "/a"}},
        "traits": [1],
    }
