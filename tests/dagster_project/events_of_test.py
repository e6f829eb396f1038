"""Random events of persons, and a warehouse that holds what planning reads of them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd

from dagster_project.settings import Settings

LAST_DAY = date(2026, 3, 31)
ZONE = "America/New_York"
# April begins in New York four hours after it does in UTC.
END = datetime(2026, 4, 1, 4)


def write_warehouse(settings: Settings, events: pd.DataFrame) -> None:
    """Write what planning reads of a home: events, and how far they reach."""
    settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute("create schema intermediate; create schema marts")
        connection.register("incoming", events)
        connection.execute(
            "create table intermediate.int_events as select * replace ("
            "cast(revenue as decimal(18, 6)) as revenue), "
            "cast(occurred_at as date) as event_date from incoming"
        ).fetchall()
        connection.execute(
            "create table intermediate.int_watermark as "
            f"select timestamp '{END}' as watermark_at"
        ).fetchall()
        connection.execute(
            "create table marts.dim_dates as "
            f"select date '{LAST_DAY}' as date_day, true as is_complete"
        ).fetchall()


def events_of(
    start: datetime, *, rows: int = 5_000, persons: int = 300
) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    minutes = int((END - start).total_seconds() // 60)
    return pd.DataFrame(
        {
            "person_id": [f"p{i}" for i in rng.integers(0, persons, rows)],
            "event_name": rng.choice(
                ["checkout_started", "purchase_completed", "page_viewed"],
                rows,
                p=[0.1, 0.2, 0.7],
            ),
            "occurred_at": [
                start + timedelta(minutes=int(m))
                for m in rng.integers(0, minutes, rows)
            ],
            "revenue": np.round(rng.gamma(2.0, 20.0, rows), 2),
            "is_bot": rng.random(rows) < 0.05,
            "is_internal": rng.random(rows) < 0.02,
        }
    )
