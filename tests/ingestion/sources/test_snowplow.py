"""Snowplow's enriched events: TSV, exported table, JSON lines, and a real export."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ingestion.sources.snowplow_atomic import ATOMIC_COLUMNS
from tests.ingestion.landing_home import Home, new_home
from tests.ingestion.sources.landed import (
    FIXTURES,
    all_events,
    events,
    home_for,
    landed_fixture,
    leaves,
)

ENRICHED = "snowplow_enriched.tsv"
COOKIE = "bd0f7b3f-1c0c-4d7c-9f3a-1f6c3a4b5d6e"
PAGE_VIEW = "0e7e4d9e-1d5b-4c3a-9a8e-7f6d5c4b3a21"
WEB = {
    "anonymous_id": COOKIE,
    "vendor_session_id": "4f1b9b0c-7b6e-4b67-8f5e-3b0c1d2e3f40",
    "platform": "web",
    "page": "/jackets",
    "referrer": "https://www.google.com/",
    "utm_source": "letter",
    "utm_medium": "email",
    "country": "GB",
    "region": "England",
    "city": "London",
    "device_type": "desktop",
    "os": "Windows",
    "browser": "Chrome",
}
# The device's clock is an hour ahead: `derived_tstamp` is without that.
EXPECTED: dict[str, dict[str, Any]] = {
    "e-view": WEB | {"event_name": "page_viewed"},
    "e-ping": WEB | {"event_name": "page_pinged"},
    "e-struct": WEB
    | {
        "event_name": "add-to-basket",
        "category": "shop",
        "user_id": "u-7",
        "value": 25.6,
    },
    "e-order": WEB
    | {
        "event_name": "order_placed",
        "category": "commerce",
        "user_id": "u-7",
        "value": 3.0,
        "revenue": 59.9,
        "currency": "EUR",
    },
    "e-tr": WEB | {"event_name": "transaction", "revenue": 20.0, "currency": "GBP"},
    # Its price is part of the transaction's total.
    "e-item": WEB | {"event_name": "transaction_item", "value": 10.0},
    "e-screen": {
        "event_name": "screen_viewed",
        "anonymous_id": "install-1",
        "vendor_session_id": "sess-1",
        "platform": "ios",
        "app_version": "7.1.0",
        "page": "Basket",
        "device_type": "mobile",
        "os": "ios",
    },
    "e-webview": WEB | {"event_name": "opened", "anonymous_id": "cookie-9"},
}
MINUTES = {
    "e-view": "00:00.6",
    "e-ping": "01:00.6",
    "e-struct": "02:00.6",
    "e-order": "03:00.6",
    "e-tr": "04:00.6",
    "e-item": "04:00.6",
    # Its tracker knew the true time.
    "e-screen": "05:00.5",
    "e-webview": "06:00.6",
}
RESERVED: dict[str, dict[str, Any]] = {
    "e-view": {"$event_name": "page_view", "$page_view_id": PAGE_VIEW},
    "e-ping": {"$event_name": "page_ping", "$page_view_id": PAGE_VIEW},
    "e-struct": {"$event_name": "struct", "$page_view_id": PAGE_VIEW},
    "e-order": {
        "$schema": "iglu:com.acme/order_placed/jsonschema/2-0-1",
        "$page_view_id": PAGE_VIEW,
    },
    "e-tr": {},
    "e-item": {},
    "e-screen": {
        "$event_name": "screen_view",
        "$page_view_id": "scr-1",
        "$schema": "iglu:com.snowplowanalytics.mobile/screen_view/jsonschema/1-0-0",
    },
    "e-webview": {
        "$ids": ["install-1"],
        "$schema": "iglu:com.acme/opened/jsonschema/1-0-0",
    },
}


@pytest.fixture(scope="module")
def enriched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    home = new_home(tmp_path_factory.mktemp("enriched"))
    return landed_fixture(home, "snowplow", ENRICHED)


def sent() -> list[dict[str, str]]:
    lines = (FIXTURES / ENRICHED).read_text().splitlines()
    return [dict(zip(ATOMIC_COLUMNS, line.split("\t"), strict=True)) for line in lines]


def test_a_tsv_without_header_has_the_atomic_columns(
    enriched: dict[str, dict[str, Any]],
) -> None:
    found = {
        key: {name: value for name, value in row.items() if name != "properties"}
        for key, row in enriched.items()
    }
    received = {line["event_id"]: line["collector_tstamp"] for line in sent()}
    assert found == {
        key: {
            "event_id": key,
            "occurred_at": f"2024-03-01 09:{MINUTES[key]}",
            "received_at": received[key].removesuffix(".000"),
        }
        | row
        for key, row in EXPECTED.items()
    }


def test_reserved_keys(enriched: dict[str, dict[str, Any]]) -> None:
    for key, row in enriched.items():
        properties = row["properties"]
        reserved = {k: v for k, v in properties.items() if k.startswith("$")}
        assert reserved == RESERVED[key], key
    view = enriched["e-view"]["properties"]
    assert view["user_agent"] == "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
    assert view["page_url"].startswith("https://shop.example/jackets?utm_source")
    # The collector's cookie is no identity.
    assert view["network_userid"] == "ecdff4d0-9175-40ac-a8bb-325c49733607"
    order = enriched["e-order"]["properties"]
    assert (order["coupon"], order["category"], order["value"]) == (
        *("SPRING", "commerce"),
        3,
    )


def test_nothing_that_was_sent_is_lost(enriched: dict[str, dict[str, Any]]) -> None:
    mapped = {
        *("collector_tstamp", "derived_tstamp", "true_tstamp", "event", "event_name"),
        *("contexts", "derived_contexts", "unstruct_event", "tr_total", "ti_price"),
    }
    for line in sent():
        plain = {key: value for key, value in line.items() if key not in mapped}
        row = enriched[line["event_id"]]
        assert leaves(plain) <= leaves(row), line["event_id"]
        for key in ("contexts", "derived_contexts"):
            assert bool(line[key]) == (key in row["properties"])


def test_json_lines_with_a_column_for_each_schema(home: Home) -> None:
    [row] = landed_fixture(home, "snowplow", "snowplow_transformed.jsonl").values()
    properties = row.pop("properties")
    assert row == {
        "event_id": "e-order",
        "event_name": "order_placed",
        "occurred_at": "2024-03-01 09:03:00.6",
        "received_at": "2024-03-01 09:03:01",
        "user_id": "u-7",
        "anonymous_id": "bd0f7b3f",
        "platform": "web",
        "page": "/jackets",
        "device_type": "mobile",
        "os": "Android",
        "browser": "Chrome",
        "revenue": 59.9,
        "currency": "EUR",
        "value": 3.0,
    }
    assert properties["$page_view_id"] == "0e7e4d9e"
    assert properties["$schema"] == "unstruct_event_com_acme_order_placed_2"
    assert (properties["coupon"], properties["domain_sessionidx"]) == ("SPRING", 3)
    assert properties["contexts_com_snowplowanalytics_snowplow_web_page_1"] == [
        {"id": "0e7e4d9e"}
    ]


@pytest.mark.parametrize("compressed", ["", ".gz"])
def test_lines_of_other_width_are_refused_where_they_stand(
    home: Home, compressed: str
) -> None:
    home = home_for(home, "snowplow")
    good = (FIXTURES / ENRICHED).read_text().splitlines()
    lines = [good[0], "shop\tweb", good[1], good[2] + "\tmore", "", good[3]]
    name = f"snowplow/cut.tsv{compressed}"
    home.write(name, "\n".join(lines).encode() + b"\n")
    home.land()
    assert [row for row in home.refused() if row[1] is not None] == [
        (name, 2, "wrong_column_count"),
        (name, 4, "wrong_column_count"),
    ]
    assert set(events(home)) == {"e-view", "e-ping", "e-order"}


def test_a_tsv_with_a_header_is_read_by_it(home: Home) -> None:
    home = home_for(home, "snowplow")
    columns = ("event_id", "event", "event_name", "derived_tstamp", "domain_userid")
    values = ("e1", "page_view", "page_view", "2024-03-01 09:00:00", "d1")
    content = "\t".join(columns) + "\n" + "\t".join(values) + "\n"
    home.write("snowplow/some.tsv", content.encode())
    home.land()
    assert events(home)["e1"]["event_name"] == "page_viewed"


def test_ids_of_anonymous_tracking_are_none(home: Home) -> None:
    home = home_for(home, "snowplow")
    nobody = "00000000-0000-0000-0000-000000000000"
    session = {"userId": nobody, "sessionId": "s1"}
    home.write(
        "snowplow/one.jsonl",
        [
            {
                "event_id": "e1",
                "event": "page_view",
                "derived_tstamp": "2024-03-01 09:00:00",
                "domain_userid": nobody,
                "contexts_com_snowplowanalytics_snowplow_client_session_1": [session],
            }
        ],
    )
    home.land()
    row = events(home)["e1"]
    assert "anonymous_id" not in row
    assert row["vendor_session_id"] == "s1"


def test_a_real_export_lands_without_loss(home: Home, shared_dir: Path) -> None:
    """160 events of the dbt-snowplow-web package, each column against the file."""
    folder = shared_dir / "data" / "snowplow_web" / "source"
    path = folder / "snowplow_web_events.csv"
    with path.open(newline="") as file:
        sent = list(csv.DictReader(file))
    home = home_for(home, "snowplow")
    home.write("snowplow/events.csv", path.read_bytes())
    result = home.land()
    assert home.refused() == []
    [report] = result.files
    assert (report.lines_read, report.landed, report.quarantined) == (160, 160, 0)
    names = {"page_view": "page_viewed", "page_ping": "page_pinged"}
    expected = Counter(
        (
            names.get(row["event"])
            or (row["se_action"] if row["event"] == "struct" else row["event_name"]),
            row["user_id"],
            row["domain_userid"] or None,
            row["domain_sessionid"] or None,
            row["page_urlpath"] or None,
            row["mkt_source"] or None,
            row["geo_country"] or None,
        )
        for row in sent
    )
    found = home.query(
        "select event_name, user_id, anonymous_id, vendor_session_id, page, "
        "utm_source, country from events"
    )
    assert Counter(found) == expected


def test_page_views_of_a_real_export(home: Home, shared_dir: Path) -> None:
    folder = shared_dir / "data" / "snowplow_web" / "source"
    home = home_for(home, "snowplow")
    home.write("snowplow/events.csv", (folder / "snowplow_web_events.csv").read_bytes())
    home.land()
    with (folder / "snowplow_web_events.csv").open(newline="") as file:
        column = "contexts_com_snowplowanalytics_snowplow_web_page_1_0_0"
        sent = [row[column] for row in csv.DictReader(file)]
    ids = Counter((re.findall(r'"id": *"([^"]+)"', text) or [None])[0] for text in sent)
    found = Counter(row["properties"].get("$page_view_id") for row in all_events(home))
    assert found == ids
