"""RudderStack's calls, and rows of its warehouse tables in snake_case."""

from __future__ import annotations

import json
from typing import Any

from tests.ingestion.landing_home import Home
from tests.ingestion.sources.landed import FIXTURES, landed_fixture, lost

CALLS = "rudderstack_calls.jsonl"
EXPECTED: dict[str, dict[str, Any]] = {
    "80e0a985-b3a9-4a9c-9a0b-track": {
        "event_name": "Product Purchased",
        "occurred_at": "2024-02-01 08:00:00.5",
        "received_at": "2024-02-01 08:00:01",
        "user_id": "user-7",
        "anonymous_id": "b4ffheww8eisndbdjgdewifewfgerwibderv",
        "vendor_session_id": "1655361367713",
        # `context.app` is the library's own: no version of the app.
        "platform": "web",
        "page": "/pricing",
        "utm_source": "google",
        "utm_medium": "cpc",
        "utm_campaign": "brand",
        "country": "IN",
        "region": "Haryana",
        "city": "Gurugram",
        "revenue": 12.5,
        "currency": "EUR",
    },
    "1578564113557-screen": {
        "event_name": "screen_viewed",
        "occurred_at": "2024-02-01 08:01:00",
        "received_at": "2024-02-01 08:01:01",
        "anonymous_id": "and-1",
        "vendor_session_id": "1655361360000",
        "platform": "android",
        "app_version": "2.4.1",
        "page": "MainActivity",
        "os": "Android",
    },
    "node-identify": {
        "event_name": "identified",
        "occurred_at": "2024-02-01 08:02:00",
        "received_at": "2024-02-01 08:02:01",
        "user_id": "user-8",
        "anonymous_id": "and-1",
        "platform": "server",
    },
    "node-merge": {
        "event_name": "merge",
        "occurred_at": "2024-02-01 08:03:00",
        "received_at": "2024-02-01 08:03:01",
        "anonymous_id": "and-1",
        "platform": "server",
    },
}


def test_every_call_becomes_its_event(home: Home) -> None:
    found = landed_fixture(home, "rudderstack", CALLS)
    properties = {key: row.pop("properties") for key, row in found.items()}
    assert found == {key: {"event_id": key} | row for key, row in EXPECTED.items()}
    # The person's traits travel in the context.
    assert properties["node-identify"]["$set"] == {"plan": "pro"}
    bought = properties["80e0a985-b3a9-4a9c-9a0b-track"]
    assert bought["$set"] == {"email": "alex@example.com"}
    assert bought["user_agent"] == "Mozilla/5.0 (X11; Linux x86_64)"
    assert bought["page_url"] == "https://rudder.example/pricing"


def test_nothing_that_was_sent_is_lost(home: Home) -> None:
    found = landed_fixture(home, "rudderstack", CALLS)
    for line in (FIXTURES / CALLS).read_text().splitlines():
        sent = json.loads(line)
        # Addresses of clients land truncated.
        sent["context"].get("geo", {}).pop("ip", None)
        sent.pop("request_ip", None)
        row = found[sent["messageId"]]
        mapped = {"timestamp", "receivedAt", "type"}
        if sent.get("originalTimestamp") == sent["timestamp"]:
            mapped.add("originalTimestamp")
        assert not lost(sent, row, mapped=mapped)


def test_a_row_of_a_warehouse_table_is_the_same_event(home: Home) -> None:
    [found] = landed_fixture(home, "rudderstack", "rudderstack_tracks.csv").values()
    properties = found.pop("properties")
    assert found == {
        "event_id": "w-1",
        "event_name": "Product Purchased",
        "occurred_at": "2024-02-01 08:00:00.25",
        "received_at": "2024-02-01 08:00:01",
        "user_id": "user-7",
        "anonymous_id": "anon-1",
        "vendor_session_id": "1655361367713",
        "platform": "web",
        "page": "/pricing",
        "utm_source": "google",
        "utm_medium": "cpc",
        "country": "IN",
        "revenue": 12.5,
        "currency": "EUR",
    }
    assert properties == {
        "page_url": "https://rudder.example/pricing?utm_medium=cpc",
        "user_agent": "Mozilla/5.0",
        "event": "product_purchased",
        "original_timestamp": "2024-02-01 08:00:00.000",
        "sent_at": "2024-02-01 08:00:00.500",
        "revenue": "12.50",
        "currency": "EUR",
        "plan": "pro",
        "context_library_name": "RudderLabs JavaScript SDK",
        "context_page_url": "https://rudder.example/pricing?utm_medium=cpc",
        "context_page_path": "/pricing",
        "context_campaign_source": "google",
        "context_user_agent": "Mozilla/5.0",
        "context_session_id": "1655361367713",
        "context_location_country": "IN",
        "uuid_ts": "2024-02-01 08:05:00",
    }
