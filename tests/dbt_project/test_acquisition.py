"""What customers cost and bring: a small product whose figures are known by hand."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from tests.dbt_project.warehouse_of_test import WarehouseOfTest

LOAD = "20260401T000000000000"
CATALOG: dict[str, Any] = {
    "metrics.yml": {"metrics": []},
    "events.yml": {
        "policy": "allow",
        "reporting_currency": "USD",
        "events": [{"name": "signed_up"}, {"name": "paid"}],
    },
    "retention.yml": {
        "ltv": [
            {
                "name": "value",
                "target": {"event": "signed_up"},
                "periods": 2,
                "breakdowns": [{"name": "source", "sql": "utm_source"}],
            }
        ]
    },
    "revenue.yml": {
        "attribution": [
            {
                "name": "by_source",
                "conversion": {"event": "paid"},
                "channel": "utm_source",
                "models": ["last"],
            }
        ],
        "acquisition": [
            {
                "name": "costs",
                "ltv": "value",
                "breakdown": "source",
                "spend_source": "ads_account",
                "horizon": 1,
                "attribution": "by_source",
            }
        ],
    },
}


def event(
    number: int, name: str, at: str, user: str, source: str | None, amount: str | None
) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "event_name": name,
        "occurred_at": datetime.fromisoformat(at),
        "user_id": user,
        "utm_source": source,
        "revenue": None if amount is None else Decimal(amount),
    }


EVENTS = [
    event(number, *told)
    for number, told in enumerate(
        (
            ("signed_up", "2026-01-05T10:00", "ann", "ads", None),
            ("signed_up", "2026-01-06T10:00", "bob", "ads", None),
            ("signed_up", "2026-01-07T10:00", "cy", "seo", None),
            ("signed_up", "2026-02-08T10:00", "dan", "ads", None),
            ("signed_up", "2026-03-09T10:00", "eve", None, None),
            # Ann pays back in February what January cost, and gets some of it back.
            ("paid", "2026-01-05T10:10", "ann", None, "60"),
            ("paid", "2026-02-20T10:00", "ann", None, "90"),
            ("paid", "2026-03-20T10:00", "ann", None, "-50"),
            ("paid", "2026-02-08T10:10", "dan", None, "7.50"),
            # Nobody knows how Cy came this time: the visit is 41 days ago.
            ("paid", "2026-02-17T10:10", "cy", None, "30"),
        )
    )
]


def spent(
    day: str, source: str, amount: str, currency: str | None = None
) -> dict[str, Any]:
    return {
        "spend_date": date.fromisoformat(day),
        "utm_source": source,
        "amount": Decimal(amount),
        "currency": currency,
        "source": "ads_account",
    }


SPEND = [
    spent("2026-01-01", "ads", "100"),
    spent("2026-01-31", "ads", "20", "EUR"),
    spent("2026-02-01", "ads", "80"),
    spent("2026-02-28", "tv", "500"),
    {**spent("2026-01-15", "ads", "9999"), "source": "elsewhere"},
]
COLUMNS = (
    *("acquired_count", "spend_amount", "attributed_amount", "cost_per_acquired"),
    *("return_on_spend", "lifetime_value", "lifetime_value_to_cost"),
    "payback_period_number",
)


def test_costs_and_returns_by_source(
    warehouse: WarehouseOfTest, tmp_path: Path
) -> None:
    for name, content in CATALOG.items():
        (tmp_path / name).write_text(yaml.safe_dump(content))
    (tmp_path / "exchange_rates.csv").write_text(
        "date,currency,rate\n2026-01-01,EUR,1.5\n"
    )
    warehouse.declare(tmp_path, as_of=datetime(2026, 3, 25))
    warehouse.land(EVENTS, LOAD)
    warehouse.land_rows("spend", SPEND, LOAD)
    warehouse.build(select=("+fct_acquisition_cost",))
    warehouse.dbt("test", "--select", "fct_acquisition_cost")
    found = {
        (str(row[0])[:7], row[1]): tuple(
            float(figure) if isinstance(figure, Decimal) else figure
            for figure in row[2:]
        )
        for row in warehouse.rows(
            f"select period_start_date, source, {', '.join(COLUMNS)} "
            "from marts.fct_acquisition_cost"
        )
    }
    # A January in ads cost 100 and 20 EUR at 1.5; Ann brought 60 and 90 to the end of
    # February, the horizon, by which it was paid back.
    assert found == {
        ("2026-01", "ads"): (2, 130.0, 60.0, 65.0, 60 / 130, 75.0, 150 / 130, 1),
        ("2026-01", "seo"): (1, 0.0, 0.0, 0.0, None, 30.0, None, None),
        ("2026-01", "all"): (3, 130.0, 60.0, 130 / 3, 60 / 130, 60.0, 180 / 130, 1),
        # February's horizon ends with March: open. Television brought nobody.
        ("2026-02", "ads"): (1, 80.0, 7.5, 80.0, 7.5 / 80, None, None, None),
        ("2026-02", "tv"): (0, 500.0, 0.0, None, 0.0, None, None, None),
        ("2026-02", "(none)"): (0, 0.0, 120.0, None, None, None, None, None),
        ("2026-02", "all"): (1, 580.0, 127.5, 580.0, 127.5 / 580, None, None, None),
        # Nothing is known of what March cost, and it is not over.
        ("2026-03", "(none)"): (1, None, -50.0, None, None, None, None, None),
        ("2026-03", "all"): (1, None, -50.0, None, None, None, None, None),
    }
