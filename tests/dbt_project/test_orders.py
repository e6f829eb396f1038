"""Orders by day: random lines in several loads against a count of one after another."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings

from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

START = datetime(2026, 3, 1)
ZONE = "America/New_York"
ORDERS = {
    "name": "shop",
    "line": {"event": "sold", "where": "platform <> 'test'"},
    "refund": {"event": "given_back"},
    "value": "property_number('price')",
    "order": "property('invoice')",
    "dimensions": ["country", {"name": "plan", "sql": "property('plan')"}],
}

Line = dict[str, Any]
lines = st.fixed_dictionaries(
    {
        "day": st.integers(0, 20),
        # Midnights of New York and of UTC, on both sides of a change of the clock.
        "second": st.sampled_from((0, 4 * 3600, 5 * 3600, 5 * 3600 - 1, 43_200)),
        "name": st.sampled_from(("sold", "sold", "sold", "given_back", "seen")),
        "invoice": st.sampled_from(("i1", "i2", "i3", "i4", None)),
        "user": st.sampled_from(("ann", "bob", "cy", None)),
        "price": st.sampled_from((None, "0", "9.99", "-4.50", "100", "0.01")),
        "country": st.sampled_from(("DE", "FR", None)),
        "plan": st.sampled_from(("single", "bundle")),
        "platform": st.sampled_from(("web", "web", "web", "test")),
        "load": st.integers(1, 3),
    }
)


def landed(number: int, line: Line) -> Row:
    properties = {
        key: line[key] for key in ("invoice", "price", "plan") if line[key] is not None
    }
    return {
        "event_id": f"e{number}",
        "event_name": line["name"],
        "occurred_at": START + timedelta(days=line["day"], seconds=line["second"]),
        "user_id": line["user"],
        "country": line["country"],
        "platform": line["platform"],
        "properties": json.dumps(properties),
    }


def reckoned(drawn: list[Line]) -> dict[tuple[date, str, str], tuple[Any, ...]]:
    """Give the figures by day, dimension and group; days without lines are not here."""
    groups: dict[tuple[str, str], list[tuple[date, str, str | None, Decimal]]]
    groups = defaultdict(list)
    for number, line in enumerate(drawn):
        amount = Decimal(line["price"] or 0)
        is_line = line["name"] == "sold" and line["platform"] != "test"
        if line["name"] == "given_back":
            amount, is_line = -abs(amount), True
        if not is_line or not amount:
            continue
        moment = START + timedelta(days=line["day"], seconds=line["second"])
        day = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(ZONE)).date()
        one = (day, line["invoice"] or f"e{number}", line["user"], amount)
        for key in (
            ("all", "all"),
            ("country", line["country"] or "(none)"),
            ("plan", line["plan"]),
        ):
            groups[key].append(one)
    found = {}
    for (dimension, value), sold in groups.items():
        orders: dict[str, date] = {}
        customers: dict[str, date] = {}
        for day, order, customer, amount in sorted(sold, key=lambda one: one[0]):
            if amount > 0:
                orders.setdefault(order, day)
                if customer:
                    customers.setdefault(customer, day)
        for day in {one[0] for one in sold}:
            today = [one for one in sold if one[0] == day]
            gross = [one for one in today if one[3] > 0]
            found[day, dimension, value] = (
                sum(first == day for first in orders.values()),
                len(gross),
                len({one[2] for one in gross if one[2]}),
                sum(first == day for first in customers.values()),
                sum((one[3] for one in gross), Decimal(0)),
                sum((one[3] for one in today if one[3] < 0), Decimal(0)),
            )
    return found


def check_lines(warehouse: WarehouseOfTest, folder: Path, drawn: list[Line]) -> None:
    files = {
        "metrics.yml": {"metrics": []},
        "events.yml": {
            "policy": "allow",
            "events": [{"name": name} for name in ("sold", "given_back", "seen")],
        },
        "revenue.yml": {"orders": [ORDERS]},
    }
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(yaml.safe_dump(content))
    warehouse.reset()
    warehouse.declare(folder, reporting_timezone=ZONE)
    for load in (1, 2, 3):
        rows = [
            landed(number, line)
            for number, line in enumerate(drawn)
            if line["load"] == load
        ]
        warehouse.land(rows, load_id=f"2026050{load}T000000000000")
        if load != 2:
            warehouse.build(select=("+fct_orders_daily",))
    # A night without news computes nothing, and finds the same columns.
    warehouse.build(select=("int_order_days",))
    found = {
        tuple(row[:3]): tuple(row[3:])
        for row in warehouse.rows(
            """
            select order_date, dimension, dimension_value, order_count, line_count,
                customer_count, new_customer_count, gross_amount, refund_amount
            from marts.fct_orders_daily
            """
        )
    }
    expected = reckoned(drawn)
    quiet = {key for key, figures in found.items() if not any(figures)} - set(expected)
    assert {key: row for key, row in found.items() if key not in quiet} == expected
    assert {dimension for _, dimension, _ in quiet} <= {"all"}


@settings(
    max_examples=1,
    deadline=None,
    # A night is too dear to be shrunk.
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=st.lists(lines, min_size=150, max_size=150))
def test_random_lines_give_the_counted_days(
    warehouse: WarehouseOfTest, tmp_path: Path, drawn: list[Line]
) -> None:
    # The first example is the simplest there is: the same line 150 times.
    assume(len({line["price"] for line in drawn}) > 3)
    check_lines(warehouse, tmp_path / "catalog", drawn)
    warehouse.dbt("test", "--select", "fct_orders_daily", "int_order_days")


@pytest.mark.campaign
@settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(drawn=st.lists(lines, min_size=1, max_size=150))
def test_many_random_lines_give_the_counted_days(
    warehouse: WarehouseOfTest, tmp_path: Path, drawn: list[Line]
) -> None:
    check_lines(warehouse, tmp_path / "catalog", drawn)
