"""Recurring revenue: worked cases through landed files, and random subscriptions.

The latter are compared with the second engine, which reckons month by month.

How a case becomes a catalog: kind `mrr` is a book of `revenue.yml` over the table
`subscriptions`, `customer: account`; `grain` is the month; the watermark is a setting.
"""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from dagster_project.analysis.reconciliation.mrr import (
    MONTHS,
    Change,
    Snapshot,
    month_ends,
    worth_of_changes,
    worth_of_snapshots,
)
from ingestion.catalog import load_catalog
from ingestion.landing import LandingOptions, land
from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

LOAD = "20260105T000000000000"
MODELS = ("+fct_mrr_monthly",)
CHECKS = ("fct_mrr_monthly", "fct_mrr_movements", "mrr_bridge_closes")
MOVEMENTS = ("new", "reactivation", "expansion", "contraction", "churn")


def write_catalog(
    folder: Path, books: list[Any], sources: list[Any] | None = None
) -> None:
    files = {
        "metrics.yml": {"metrics": []},
        "events.yml": {"policy": "allow", "events": [{"name": "on"}, {"name": "off"}]},
        "revenue.yml": {"mrr": books},
        "sources.yml": {"sources": sources or []},
    }
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(yaml.safe_dump(content))


def test_worked_cases_from_landed_files(
    warehouse: WarehouseOfTest, shared_dir: Path, tmp_path: Path
) -> None:
    files = (shared_dir / "cases" / "product_analytics" / "mrr").glob("*.json")
    cases = [json.loads(path.read_text()) for path in sorted(files)]
    assert cases
    cases += map(varied_case, range(6))
    columns = {
        "subscription_id": "subscription_id",
        "account_id": "customer_id",
        "amount": "monthly_amount",
    }
    days = {
        "recorded_at": "start_date",
        "started_at": "start_date",
        "ends_at": "end_date",
    }
    sources = []
    for case in cases:
        target = tmp_path / "landing" / case["id"] / "subscriptions.csv"
        target.parent.mkdir(parents=True)
        with target.open("w", newline="") as stream:
            rows = csv.DictWriter(stream, case["subscriptions"][0])
            rows.writeheader()
            # Ids of one case are not those of another.
            rows.writerows(
                {**one, "subscription_id": f"{case['id']} {one['subscription_id']}"}
                for one in case["subscriptions"]
            )
        sources.append(
            {
                **{"name": case["id"], "format": "table", "table": "subscriptions"},
                "reader": {"format": "csv"},
                "columns": columns,
                "times": {name: {"column": column} for name, column in days.items()},
            }
        )
    last = max(month["month"] for case in cases for month in case["expected"]["months"])
    books = [
        {"name": case["id"], "source": case["id"], "customer": "account"}
        for case in cases
    ]
    as_of = datetime.fromisoformat(last) + timedelta(days=32)
    write_catalog(tmp_path / "catalog", books, sources)
    # Landing makes a lake of its own, whole.
    shutil.rmtree(warehouse.lake)
    landed = land(
        LandingOptions(
            tmp_path / "landing",
            warehouse.lake,
            datetime(2026, 1, 1, tzinfo=UTC),
            settle_seconds=0,
        ),
        load_catalog(tmp_path / "catalog").sources,
    )
    assert not landed.quarantined
    warehouse.declare(tmp_path / "catalog", as_of=as_of)
    warehouse.build(select=MODELS)
    warehouse.dbt("test", "--select", *CHECKS)
    for case in cases:
        found = {
            str(row[0]): dict(zip(COLUMNS[1:], row[1:], strict=True))
            for row in warehouse.rows(
                f"select {', '.join(COLUMNS)} from marts.fct_mrr_monthly "
                f"where mrr_name = '{case['id']}'"
            )
        }
        for month in case["expected"]["months"]:
            row = found.pop(month["month"])
            for key in month.keys() - {"month"}:
                told = row[SHOWN_AS.get(key, f"{key}_amount")]
                told = None if told is None else float(told)
                assert told == pytest.approx(month[key], abs=1e-6), (case["id"], key)
        # The months up to the watermark go on as the last one ended.
        for row in found.values():
            assert float(row["closing_amount"]) == pytest.approx(month["mrr"])


# What a case calls a figure, where it is no movement.
SHOWN_AS = {
    "mrr": "closing_amount",
    "active": "closing_customer_count",
    "nrr": "net_retention_rate",
    "grr": "gross_retention_rate",
    "quick_ratio": "quick_ratio",
    "arpa": "amount_per_customer",
}
COLUMNS = (
    "month_start_date",
    *("opening_amount", *SHOWN_AS.values()),
    *(f"{name}_amount" for name in MOVEMENTS),
)


def varied_case(seed: int) -> dict[str, Any]:
    """Give a random case; its answer is what customers pay before each month ends."""
    draw = random.Random(seed)
    days = [f"2023-{month:02}-{day:02}" for month in range(1, 9) for day in (1, 15, 28)]
    rows: list[dict[str, Any]] = []
    for number in range(14):
        start, end = sorted(draw.sample(days, 2))
        rows.append(
            {
                "subscription_id": number,
                "customer_id": f"c{draw.randrange(5)}",
                "start_date": start,
                "end_date": draw.choice((end, end, None)),
                "monthly_amount": draw.choice((50, 75, 19.99, 166.67)),
            }
        )
    months = []
    before: dict[str, float] = {}
    known: set[str] = set()
    first = int(min(row["start_date"] for row in rows)[5:7])
    for month in range(first, 11):
        worth: dict[str, float] = {}
        for row in rows:
            ends = f"2023-{month + 1:02}-01"
            if row["start_date"] < ends <= (row["end_date"] or "9999"):
                customer = row["customer_id"]
                worth[customer] = worth.get(customer, 0) + row["monthly_amount"]
        moved = dict.fromkeys(MOVEMENTS, 0.0)
        for customer in worth.keys() | before.keys():
            was, now = before.get(customer, 0.0), worth.get(customer, 0.0)
            came = "reactivation" if customer in known else "new"
            kind = came if not was else "churn" if not now else "expansion"
            kind = "contraction" if kind == "expansion" and now < was else kind
            moved[kind] += now - was
        opening, lost = sum(before.values()), moved["contraction"] + moved["churn"]
        gained = moved["new"] + moved["reactivation"] + moved["expansion"]
        months.append(
            {
                "month": f"2023-{month:02}-01",
                "mrr": sum(worth.values()),
                "active": len(worth),
                "opening": opening,
                "nrr": (opening + moved["expansion"] + lost) / opening
                if opening
                else None,
                "grr": (opening + lost) / opening if opening else None,
                "quick_ratio": gained / -lost if lost else None,
                "arpa": sum(worth.values()) / len(worth) if worth else None,
                **moved,
            }
        )
        known |= worth.keys()
        before = worth
    return {
        "id": f"varied_{seed}",
        "subscriptions": rows,
        "expected": {"months": months},
    }


# --- a reckoning of its own --------------------------------------------------------

START, AS_OF = datetime(2024, 1, 1), datetime(2025, 3, 14, 15, 9)
ZONE = "America/New_York"


@dataclass(frozen=True)
class Reckoned:
    """A month of one book, by customer."""

    month: date
    opening: dict[str, Decimal]
    closing: dict[str, Decimal]


def snapshot_of(row: Row) -> Snapshot:
    told = {field.name: row.get(field.name) for field in fields(Snapshot)}
    return Snapshot(**told)


def change_of(row: Row) -> Change:
    said = json.loads(row["properties"])
    return Change(
        at=row["occurred_at"],
        event_id=row["event_id"],
        has_ended=row["event_name"] == "off",
        amount=Decimal(str(said["price"])),
        months=said["months"],
    )


def reckoned(
    subscriptions: dict[tuple[str, str], list[Row]],
    worth: Callable[[list[Row], datetime], Decimal],
    zone: str,
) -> dict[date, Reckoned]:
    found: dict[date, Reckoned] = {}
    before: dict[str, Decimal] = {}
    for month, instant in month_ends(
        START - timedelta(days=400), AS_OF, ZoneInfo(zone)
    ):
        now: dict[str, Decimal] = {}
        for (customer, _), rows in subscriptions.items():
            amount = worth(rows, instant)
            if amount:
                now[customer] = now.get(customer, Decimal(0)) + amount
        if before or now or found:
            found[month] = Reckoned(month, before, now)
        before = now
    return found


def movements_of(
    months: Iterable[Reckoned],
) -> dict[tuple[date, str], tuple[str, Decimal]]:
    seen: set[str] = set()
    found = {}
    for one in months:
        for customer in {*one.opening, *one.closing}:
            opening = one.opening.get(customer, Decimal(0))
            closing = one.closing.get(customer, Decimal(0))
            if opening != closing:
                name = "expansion" if closing > opening else "contraction"
                if not closing:
                    name = "churn"
                elif not opening:
                    name = "reactivation" if customer in seen else "new"
                found[one.month, customer] = (name, closing - opening)
        seen |= one.closing.keys()
    return found


def instants(rng: random.Random) -> datetime:
    """Give an instant; often a month's first or last moment somewhere."""
    day = START + timedelta(days=rng.randrange(-200, 500))
    if rng.random() < 0.4:
        day = day.replace(day=1, hour=rng.choice((0, 4, 5)))
        return day - timedelta(microseconds=rng.choice((0, 0, 1)))
    return day + timedelta(seconds=rng.randrange(86_400))


def random_snapshots(rng: random.Random, customers: int) -> list[Row]:
    rows: list[Row] = []
    statuses = (None, "active", "active", "past_due", "trialing", "paused", "canceled")
    for number in range(customers):
        for one in range(rng.choice((1, 1, 2))):
            recorded = {instants(rng) for _ in range(rng.randint(1, 4))}
            started = min(recorded) - timedelta(days=rng.choice((0, 0, 90)))
            for moment in recorded:
                row = {
                    "subscription_id": f"s{number}-{one}",
                    "recorded_at": moment,
                    "user_id": f"u{number}",
                    "status": rng.choice(statuses),
                    "started_at": started if rng.random() < 0.9 else None,
                    "trial_ends_at": instants(rng) if rng.random() < 0.2 else None,
                    "ends_at": instants(rng) if rng.random() < 0.3 else None,
                    "canceled_at": instants(rng) if rng.random() < 0.3 else None,
                    "billing_period": rng.choice((None, *MONTHS)),
                    "billing_period_count": rng.choice((None, 1, 2)),
                    "amount": Decimal(rng.randrange(0, 40_000)) / 100,
                }
                rows.append(row)
    return rows


def random_events(rng: random.Random, customers: int) -> list[Row]:
    return [
        {
            "event_id": f"e{number}-{one}-{place}",
            "event_name": rng.choice(("on", "on", "off")),
            "occurred_at": instants(rng),
            "user_id": f"u{number}",
            "properties": json.dumps(
                {
                    "price": rng.randrange(100, 9_900) / 100,
                    "months": rng.choice((1, 3, 12)),
                    "plan": f"p{one}",
                }
            ),
        }
        for number in range(customers)
        for one in range(rng.choice((1, 1, 2)))
        for place in range(rng.randint(1, 5))
    ]


BOOKS = [
    {"name": "snapshots"},
    {
        "name": "told",
        "events": {
            "changed": ["on"],
            "ended": "off",
            "amount": "property_number('price')",
            "months": "property_number('months')",
            "subscription": "property('plan')",
        },
    },
]


@pytest.mark.parametrize(
    "seed",
    [1, *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(2, 22))],
)
def test_random_subscriptions_give_the_reckoned_months(
    warehouse: WarehouseOfTest, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    snapshots, events = random_snapshots(rng, 300), random_events(rng, 300)
    write_catalog(tmp_path / "catalog", BOOKS)
    warehouse.declare(tmp_path / "catalog", reporting_timezone=ZONE, as_of=AS_OF)
    warehouse.land_rows("subscriptions", snapshots, LOAD)
    warehouse.land(events, LOAD)
    warehouse.build(select=MODELS)
    warehouse.dbt("test", "--select", *CHECKS)
    kept: dict[str, dict[tuple[str, str], list[Row]]] = {"snapshots": {}, "told": {}}
    for row in snapshots:
        key = (row["user_id"], row["subscription_id"])
        kept["snapshots"].setdefault(key, []).append(row)
    for row in events:
        key = (row["user_id"], json.loads(row["properties"])["plan"])
        kept["told"].setdefault(key, []).append(row)
    worths: dict[str, Callable[[list[Row], datetime], Decimal]] = {
        "snapshots": lambda its, at: worth_of_snapshots(map(snapshot_of, its), at),
        "told": lambda its, at: worth_of_changes(map(change_of, its), at),
    }
    for book, worth in worths.items():
        months = reckoned(kept[book], worth, ZONE)
        found = {
            (row[0], row[1]): (row[2], row[3])
            for row in warehouse.rows(
                "select month_start_date, customer_id, movement, amount "
                f"from marts.fct_mrr_movements where mrr_name = '{book}'"
            )
        }
        assert found == movements_of(months.values())
        totals = warehouse.rows(
            "select month_start_date, opening_amount, closing_amount, "
            "closing_customer_count, is_complete from marts.fct_mrr_monthly "
            f"where mrr_name = '{book}' order by 1"
        )
        assert [(row[0], row[1], row[2], row[3]) for row in totals] == [
            (
                month,
                sum(one.opening.values(), Decimal(0)),
                sum(one.closing.values(), Decimal(0)),
                len(one.closing),
            )
            for month, one in sorted(months.items())
        ]
        assert [row[4] for row in totals] == [True] * (len(totals) - 1) + [False]
