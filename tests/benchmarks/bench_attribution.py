"""What attribution costs, as multiples of a plain scan measured in the same run.

    python -m tests.benchmarks.bench_attribution [--events 10000000] [--home DIR]

Simulates a product, copies its persons until there are enough events, and measures
processor seconds of one DuckDB, the best of several runs each:

- the scan: `select event_name, count(*) ... group by event_name`;
- all touches of an attribution with every model, as dbt compiles them, stored;
- what a night builds of them whatever is new: by channel and day, and paths;
- the touches again with one busy person more, who visits and buys every hour.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import gettempdir

import duckdb

from tests.benchmarks.simulated_copies import (
    build,
    connect,
    copies_for,
    copy_rows,
    count_of,
    cpu,
    over_copies,
)

MODELS = {
    "touches": Path("models/intermediate/revenue/int_attribution_touches.sql"),
    "by channel and day": Path("models/marts/revenue/fct_attribution.sql"),
    "paths": Path("models/marts/revenue/fct_attribution_paths.sql"),
}
TABLES = ("int_events", "int_sessions", "int_attribution_touches", "int_watermark")
ATTRIBUTION = """
attribution:
  - {name: purchases, conversion: {event: purchase_completed}}
"""
BUSY_HOURS = 2_160


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument(
        "--home", type=Path, default=Path(gettempdir(), "daybreak-attribution")
    )
    options = parser.parse_args()
    queries = compiled_models(options.home)
    with connect(options.home) as connection:
        copy_tables(connection, options.events)
        report(connection, queries)
        add_busy_person(connection)
        print("with a busy person:")
        report(connection, queries)


def report(connection: duckdb.DuckDBPyConnection, queries: dict[str, str]) -> None:
    scan = cpu(connection, "select event_name, count(*) from int_events group by all")
    print(f"{count_of(connection, 'int_events'):,} events; scan {scan:.3f} s")
    stored = f"create or replace table int_attribution_touches as {queries['touches']}"
    for label, statement in {**queries, "touches": stored}.items():
        seconds = cpu(connection, statement)
        print(f"{label:30} {seconds:7.2f} s  {seconds / scan:6.1f}x the scan")
    found = connection.execute(
        "select count(distinct conversion_id), count(*), "
        "sum(amount) filter (where touch_number = touch_count), "
        "sum(time_decay_amount_units) / 1e9 from int_attribution_touches"
    ).fetchone()
    print("conversions, touches, amount, credited:", found)


def compiled_models(home: Path) -> dict[str, str]:
    """Give the SQL that dbt writes for the models."""
    wanted = ["+fct_attribution", "+fct_attribution_paths"]
    compiled = build(home, {"revenue.yml": ATTRIBUTION}, wanted)
    copies = {table: table for table in TABLES}
    return {
        label: over_copies((compiled / path).read_text(), copies)
        for label, path in MODELS.items()
    }


def copy_tables(connection: duckdb.DuckDBPyConnection, wanted: int) -> None:
    """Make as many events as wanted, and their sessions."""
    copies = copies_for(connection, wanted)
    for table, key, order in (
        ("int_events", "event_id", "event_date, received_at"),
        ("int_sessions", "session_id", "session_start_date"),
    ):
        copy_rows(connection, table, table, key=key, order=order, copies=copies)
    connection.execute(
        "create or replace table int_watermark as "
        "from original.intermediate.int_watermark"
    )


def add_busy_person(connection: duckdb.DuckDBPyConnection) -> None:
    """Add one person who visits and buys every hour of a quarter."""
    at = "timestamp '2026-01-01' + number * interval '1' hour"
    hours = f"from range({BUSY_HOURS}) as hours (number)"
    connection.execute(
        f"""
        insert into int_events by name
        select
            'busy-' || number as event_id,
            'purchase_completed' as event_name,
            'busy' as person_id,
            {at} as occurred_at,
            cast({at} as date) as event_date,
            9.99 as revenue,
            false as is_bot,
            false as is_internal
        {hours}
        """
    )
    connection.execute(
        f"""
        insert into int_sessions by name
        select
            'busy-' || number as session_id,
            'busy' as person_id,
            {at} as started_at,
            cast({at} as date) as session_start_date,
            false as is_bot,
            false as is_internal
        {hours}
        """
    )


if __name__ == "__main__":
    main()
