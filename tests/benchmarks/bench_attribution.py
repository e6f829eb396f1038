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
import os
import re
import resource
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from ingestion.landing import LandingOptions, land
from ingestion.simulator import SimulationSpec, simulate
from ingestion.user_agents import add_user_agents

DBT_PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
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
PERSONS = 4_000
RUNS = 3
BUSY_HOURS = 2_160


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--home", type=Path, default=Path("/tmp/bench_attribution"))
    options = parser.parse_args()
    options.home.mkdir(parents=True, exist_ok=True)
    queries = compiled_models(options.home)
    with duckdb.connect(
        str(options.home / "copies.duckdb"),
        config={"threads": 2, "memory_limit": "3GB"},
    ) as connection:
        connection.execute("set preserve_insertion_order = false")
        connection.execute("set disabled_optimizers = 'build_side_probe_side'")
        copy_tables(connection, options.home, options.events)
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


def count_of(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0


def cpu(connection: duckdb.DuckDBPyConnection, statement: str) -> float:
    """Give the least processor seconds of several runs."""
    seconds = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_SELF)
        connection.execute(statement).fetchall()
        after = resource.getrusage(resource.RUSAGE_SELF)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        seconds.append(used)
    return min(seconds)


def compiled_models(home: Path) -> dict[str, str]:
    """Simulate a little, build what the models need, and read their compiled SQL."""
    catalog = home / "catalog"
    catalog.mkdir(exist_ok=True)
    text = (DBT_PROJECT / "catalog" / "events.yml").read_text()
    (catalog / "events.yml").write_text(text)
    (catalog / "revenue.yml").write_text(ATTRIBUTION)
    lake = home / "lake"
    compile_catalog(load_catalog(catalog), CatalogSettings(), lake / "catalog")
    if not (home / "landing").is_dir():
        spec = SimulationSpec(persons=PERSONS, start=date(2026, 1, 1), days=90)
        simulate(spec, home / "landing" / "app")
        now = datetime.now(UTC)
        land(LandingOptions(home / "landing", lake, now=now, settle_seconds=0), [])
        add_user_agents(lake, lake / "catalog")
    os.environ |= {
        "DAYBREAK_LAKE_PATH": str(lake),
        "DAYBREAK_WAREHOUSE_PATH": str(home / "warehouse.duckdb"),
        "DAYBREAK_SCRATCH_PATH": str(home / "scratch"),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
    }
    project = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    wanted = ["+fct_attribution", "+fct_attribution_paths", "--quiet"]
    result = dbtRunner().invoke(
        ["run", "--full-refresh", "--select", *wanted, *project]
    )
    # dbt keeps the file open in this process.
    DuckDBConnectionManager.close_all_connections()
    if not result.success:
        raise SystemExit(str(result.exception or "dbt failed"))
    compiled = home / "target" / "compiled" / "daybreak"
    return {
        label: over_copies((compiled / path).read_text())
        for label, path in MODELS.items()
    }


def over_copies(query: str) -> str:
    """Let a compiled model read the copied tables."""
    for table in TABLES:
        query = query.replace(f'"warehouse"."intermediate"."{table}"', table)
    return re.sub(r"\(select max\(last_load_id\) from [^)]*\)", "''", query)


def copy_tables(connection: duckdb.DuckDBPyConnection, home: Path, wanted: int) -> None:
    """Make as many events as wanted, in the order in which they land, and sessions."""
    connection.execute(f"attach '{home}/warehouse.duckdb' as original (read_only)")
    copies = max(
        1, round(wanted / count_of(connection, "original.intermediate.int_events"))
    )
    for table, key, day in (
        ("int_events", "event_id", "event_date"),
        ("int_sessions", "session_id", "session_start_date"),
    ):
        connection.execute(
            f"""
            create or replace table {table} as
            select
                rows.* replace (
                    {key} || '-' || number as {key},
                    person_id || '-' || number as person_id
                )
            from range({copies}) as copies (number)
            cross join original.intermediate.{table} as rows
            order by {day}, hash({key})
            """
        )
    connection.execute(
        "create or replace table int_watermark as "
        "from original.intermediate.int_watermark"
    )
    connection.execute("detach original")


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
