"""Events made comparable: user agents, countries, currencies; and when rates change."""

from __future__ import annotations

import shutil
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from ingestion.user_agents import add_user_agents
from tests.dbt_project.warehouse_of_test import WarehouseOfTest

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
LOAD = "20260110T000000000000"


def paid(number: int, day: int, **columns: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "event_name": "purchase_completed",
        "occurred_at": datetime(2026, 1, day, 12),
        "user_id": "u1",
        **columns,
    }


ROWS = [
    paid(1, 2, revenue=Decimal(10), currency="USD", country="Germany", region="Bayern"),
    paid(2, 2, revenue=Decimal(10), currency="eur", country="de", region="by"),
    paid(3, 4, revenue=Decimal("-0.333333"), currency="EUR", country="Narnia"),
    paid(4, 1, revenue=Decimal(10), currency="EUR", country="US", region="California"),
    paid(5, 4, revenue=Decimal(10), currency="XXX", region="CA"),
    paid(6, 4, revenue=Decimal(10), properties=f'{{"user_agent": "{IPHONE}"}}'),
    paid(7, 4, os="iPadOS", properties=f'{{"userAgent": "{IPHONE}"}}'),
    paid(8, 4, currency="EUR", properties=f'{{"user_agent": "{BOT}"}}'),
]
RATES = "date,currency,rate\n2026-01-02,EUR,1.5\n2026-01-04,EUR,2\n"


@pytest.fixture
def money_catalog(catalog: Path, tmp_path: Path) -> Path:
    """Give the small catalog with a reporting currency and rates."""
    folder = tmp_path / "catalog"
    shutil.copytree(catalog, folder)
    plan = (folder / "events.yml").read_text()
    (folder / "events.yml").write_text(f"reporting_currency: USD\n{plan}")
    (folder / "exchange_rates.csv").write_text(RATES)
    return folder


def built(
    warehouse: WarehouseOfTest, catalog: Path, columns: str
) -> dict[str, list[Any]]:
    """Build the events and give columns by event."""
    warehouse.declare(catalog)
    add_user_agents(warehouse.lake, warehouse.lake / "catalog")
    warehouse.build(select=("+int_events",))
    rows = warehouse.rows(f"select event_id, {columns} from intermediate.int_events")
    return {row[0]: [*row[1:]] for row in sorted(rows)}


def test_events_are_made_comparable(
    warehouse: WarehouseOfTest, money_catalog: Path
) -> None:
    warehouse.land(ROWS, load_id=LOAD)
    found = built(
        warehouse,
        money_catalog,
        "revenue, currency, sent_revenue, sent_currency, country, region, "
        "os, browser, device_type, is_bot",
    )
    nobody = [None, None, None, False]
    phone = ["iOS", "Safari", "mobile", False]
    ten, third = Decimal(10), Decimal("-0.333333")
    assert found == {
        "e1": [ten, "USD", ten, "USD", "DE", "DE-BY", *nobody],
        "e2": [Decimal(15), "USD", ten, "eur", "DE", "DE-BY", *nobody],
        "e3": [Decimal("-0.666666"), "USD", third, "EUR", "Narnia", None, *nobody],
        "e4": [None, "EUR", ten, "EUR", "US", "US-CA", *nobody],
        "e5": [None, "XXX", ten, "XXX", None, "CA", *nobody],
        "e6": [ten, None, ten, None, None, None, *phone],
        "e7": [None, None, None, None, None, None, "iPadOS", *phone[1:]],
        "e8": [None, "USD", None, "EUR", None, None, None, "Googlebot", None, True],
    }


def test_amounts_of_any_size_are_converted_exactly(
    warehouse: WarehouseOfTest, money_catalog: Path
) -> None:
    """From a fee in dong to a budget in dinars; half a millionth is rounded up."""
    rates = {"VND": "0.000039412", "EUR": "1.087654321", "KWD": "3.25"}
    amounts = ("0.000002", "999.99", "1000.50", "123456.789012", "-87654321.10")
    amounts = (*amounts, "299999999999.999999")
    lines = [f"2026-01-01,{code},{rate}" for code, rate in rates.items()]
    (money_catalog / "exchange_rates.csv").write_text(
        "\n".join(["date,currency,rate", *lines, ""])
    )
    sent = [(Decimal(amount), code) for amount in amounts for code in rates]
    warehouse.land(
        [
            paid(number, 2, revenue=amount, currency=code)
            for number, (amount, code) in enumerate(sent)
        ],
        load_id=LOAD,
    )
    found = built(warehouse, money_catalog, "revenue")
    assert {number: row[0] for number, row in found.items()} == {
        f"e{number}": (amount * Decimal(rates[code])).quantize(
            Decimal("0.000001"), rounding=ROUND_HALF_UP
        )
        for number, (amount, code) in enumerate(sent)
    }


def test_without_declarations_amounts_and_countries_stay_as_sent(
    warehouse: WarehouseOfTest, catalog: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(catalog, plain)
    plan = (plain / "events.yml").read_text()
    plan = plan.replace(
        "traffic:", "countries: as_sent\ntraffic:\n  known_crawlers: false"
    )
    (plain / "events.yml").write_text(plan)
    warehouse.land(ROWS, load_id=LOAD)
    found = built(warehouse, plain, "revenue, currency, country, region, is_bot")
    assert found["e2"] == [Decimal(10), "eur", "de", "by", False]
    assert found["e8"][-1] is False


def test_a_rate_that_changes_the_past_rebuilds_it_and_a_new_one_does_not(
    warehouse: WarehouseOfTest, money_catalog: Path
) -> None:
    warehouse.land(ROWS, load_id=LOAD)
    built(warehouse, money_catalog, "revenue")
    (money_catalog / "exchange_rates.csv").write_text(RATES.replace("1.5", "1.25"))
    assert built(warehouse, money_catalog, "revenue")["e2"] == [Decimal("12.5")]
    later = paid(9, 5, revenue=Decimal(1), currency="EUR")
    warehouse.land([later], load_id="20260111T000000000000")
    found = built(warehouse, money_catalog, "revenue")
    assert (found["e9"], found["e2"]) == ([Decimal(2)], [Decimal("12.5")])
    fresh = warehouse.rows("select * from intermediate.int_events order by all")
    warehouse.forget_tables()
    built(warehouse, money_catalog, "revenue")
    again = warehouse.rows("select * from intermediate.int_events order by all")
    assert again == fresh
