"""What becomes of an address that is sent as the page."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.ingestion.landing_home import Home, event, sources_of

ADDRESS = "https://shop.example/cart?utm_source=news+letter&utm_medium=email&a=1#top"
SHOWN = "page, utm_source, utm_medium, utm_campaign, properties"


def landed(home: Home, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Land events and give page, campaign and properties in their order."""
    sent = [event(i, **row) for i, row in enumerate(rows)]
    home.write("native/a.jsonl", sent)
    home.land()
    assert home.refused() == []
    found = home.query(f"select {SHOWN} from events order by substr(event_id, 2)::int")
    return [(*row[:-1], json.loads(row[-1])) for row in found]


def test_the_page_of_an_address_is_its_path_and_the_whole_is_kept(home: Home) -> None:
    none = (None, None, None)
    news = ("news letter", "email", None)
    assert landed(
        home,
        [
            {"page": ADDRESS},
            {"page_url": ADDRESS},
            {"page": "/cart", "page_url": ADDRESS},
            {"page": "/cart?utm_source=x"},
            {"page": "/cart"},
            {"page": "cart"},
            {"page": None},
            {"context": {"page": {"url": ADDRESS}}},
        ],
    ) == [
        ("/cart", *news, {"page_url": ADDRESS}),
        ("/cart", *news, {"page_url": ADDRESS}),
        ("/cart", *news, {"page_url": ADDRESS}),
        ("/cart", "x", None, None, {"page_url": "/cart?utm_source=x"}),
        ("/cart", *none, {}),
        ("cart", *none, {}),
        (None, *none, {}),
        (
            *("/cart", *news),
            {"context": {"page": {"url": ADDRESS}}, "page_url": ADDRESS},
        ),
    ]


def test_what_the_client_says_of_the_campaign_counts_more(home: Home) -> None:
    ((_, *campaign, _),) = landed(
        home, [{"page": ADDRESS, "utm_source": "mine", "utm_medium": ""}]
    )
    assert campaign == ["mine", "email", None]


def test_a_property_of_that_name_is_not_lost(home: Home) -> None:
    ((*_, properties),) = landed(
        home, [{"page": "https://x.example/a", "properties": {"page_url": "mine"}}]
    )
    assert properties == {"page_url": "mine", "$event.page_url": "https://x.example/a"}


@pytest.mark.parametrize("kept", ["none", "all"])
def test_a_table_whose_column_holds_addresses(home: Home, kept: str) -> None:
    declared = sources_of(f"""
sources:
  - name: log
    format: table
    reader: {{format: csv}}
    event_name: "'page_viewed'"
    occurred_at: {{column: at}}
    columns: {{user_id: who, page: url}}
    properties: {kept}
""")
    mapped = replace(home, sources=declared)
    rows = f"at,who,url,note\n2024-05-01,u1,{ADDRESS},n\n2024-05-01,u2,/plain,n\n"
    mapped.write("log/a.csv", rows.encode())
    mapped.land()
    note = {"note": "n"} if kept == "all" else {}
    found = mapped.query(f"select {SHOWN} from events order by user_id")
    assert [(*row[:-1], json.loads(row[-1])) for row in found] == [
        ("/cart", "news letter", "email", None, {**note, "page_url": ADDRESS}),
        ("/plain", None, None, None, note),
    ]
