"""What a funnel costs, as multiples of a plain scan measured in the same run.

    python -m tests.benchmarks.bench_funnels [--events 10000000] [--home DIR]

Simulates a product, copies its persons until there are enough events, and measures
processor seconds of one DuckDB, the best of several runs each:

- the scan: `select event_name, count(*) ... group by event_name`;
- a four-step funnel as dbt compiles it from the catalog, to the number of attempts at
  each step: at most 20x the scan at 50 million events;
- the same stored as a table, one row per attempt;
- the self-join of the open dbt packages, which joins every later event of the next
  step to every attempt: the same figures;
- all of it again with one busy person more, who has each step 250 times in a day: a
  self-join grows with the fourth power of that.
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
MODEL = Path("models/intermediate/funnels/int_funnel_attempts.sql")
WINDOW = "7 days"
STEPS = ("course_viewed", "course_started", "checkout_started", "purchase_completed")
PERSONS = 4_000
RUNS = 3
BUSY = 250


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--home", type=Path, default=Path("/tmp/bench_funnels"))
    options = parser.parse_args()
    options.home.mkdir(parents=True, exist_ok=True)
    query = compiled_funnel(options.home)
    with duckdb.connect(
        str(options.home / "copies.duckdb"),
        config={"threads": 2, "memory_limit": "3GB"},
    ) as connection:
        connection.execute("set preserve_insertion_order = false")
        connection.execute("set disabled_optimizers = 'build_side_probe_side'")
        count = copy_events(connection, options.home, options.events)
        report(connection, query, count)
        add_busy_person(connection)
        print("with a busy person:")
        report(connection, query, count + len(STEPS) * BUSY)


def report(connection: duckdb.DuckDBPyConnection, query: str, count: int) -> None:
    scan = cpu(connection, "select event_name, count(*) from events group by all")
    print(f"{count:,} events; scan {scan:.3f} s")
    levels = f"select reached_step, count(*) from ({query}) group by all order by all"
    for label, statement in (
        ("funnel, attempts by step", levels),
        ("funnel, attempts stored", f"create or replace table stored as {query}"),
        ("self-join, attempts by step", self_join()),
    ):
        seconds = cpu(connection, statement)
        print(f"{label:30} {seconds:7.2f} s  {seconds / scan:6.1f}x the scan")
    same = (
        connection.execute(levels).fetchall()
        == connection.execute(self_join()).fetchall()
    )
    print("both give the same figures" if same else "THE FIGURES DIFFER")


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


def compiled_funnel(home: Path) -> str:
    """Simulate a little, build what the model needs, and read its compiled SQL."""
    catalog = home / "catalog"
    catalog.mkdir(exist_ok=True)
    text = (DBT_PROJECT / "catalog" / "events.yml").read_text()
    (catalog / "events.yml").write_text(text)
    steps = "".join(
        f"      - {{name: {step}, any_of: [{{event: {step}}}]}}\n" for step in STEPS
    )
    (catalog / "funnels.yml").write_text(
        f"funnels:\n  - name: four_steps\n    window: {WINDOW}\n    steps:\n{steps}"
    )
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
    wanted = ["--full-refresh", "--select", "+int_funnel_attempts", "--quiet"]
    result = dbtRunner().invoke(["run", *wanted, *project])
    # dbt keeps the file open in this process.
    DuckDBConnectionManager.close_all_connections()
    if not result.success:
        raise SystemExit(str(result.exception or "dbt failed"))
    text = (home / "target" / "compiled" / "daybreak" / MODEL).read_text()
    query = re.sub(r'"warehouse"\."intermediate"\."int_events"', "events", text)
    return re.sub(r"\(select max\(last_load_id\) from [^)]*\)", "''", query)


def copy_events(connection: duckdb.DuckDBPyConnection, home: Path, wanted: int) -> int:
    """Make a table of as many events as wanted, in the order in which they land."""
    connection.execute(f"attach '{home}/warehouse.duckdb' as original (read_only)")
    events = "original.intermediate.int_events"
    row = connection.execute(f"select count(*) from {events}").fetchone()
    copies = max(1, round(wanted / row[0])) if row else 1
    connection.execute(
        f"""
        create or replace table events as
        select
            events.* replace (
                event_id || '-' || number as event_id,
                person_id || '-' || number as person_id
            )
        from range({copies}) as copies (number)
        cross join {events} as events
        order by event_date, hash(event_id)
        """
    )
    counted = connection.execute("select count(*) from events").fetchone()
    connection.execute("detach original")
    return int(counted[0]) if counted else 0


def add_busy_person(connection: duckdb.DuckDBPyConnection) -> None:
    """Add one person whose steps follow each other all day."""
    names = ", ".join(f"'{step}'" for step in STEPS)
    connection.execute(
        f"""
        insert into events by name
        select
            [{names}][1 + number % {len(STEPS)}] as event_name,
            'busy-' || number as event_id,
            'busy' as person_id,
            timestamp '2026-02-01' + number * interval '1' minute as occurred_at,
            date '2026-02-01' as event_date,
            false as is_bot,
            false as is_internal
        from range({len(STEPS) * BUSY}) as events (number)
        """
    )


def self_join() -> str:
    """Each attempt with every event of the next step in the window, and so on."""
    joins, times = "", ["step_1.occurred_at"]
    for number, step in enumerate(STEPS[1:], start=2):
        here, before = f"step_{number}", f"step_{number - 1}"
        times.append(f"{here}.occurred_at")
        joins += f"""
            left join events as {here}
                on {here}.person_id = step_1.person_id
                and {here}.event_name = '{step}'
                and not {here}.is_bot and not {here}.is_internal
                and {here}.occurred_at >= {before}.occurred_at
                and {here}.occurred_at <= step_1.occurred_at + interval '{WINDOW}'"""
    reached = " + ".join(f"({time} is not null)::int" for time in times)
    return f"""
        select reached_step, count(*) from (
            select max({reached}) as reached_step
            from events as step_1 {joins}
            where step_1.event_name = '{STEPS[0]}' and step_1.person_id is not null
                and not step_1.is_bot and not step_1.is_internal
            group by step_1.person_id, step_1.occurred_at
        ) group by all order by all
    """


if __name__ == "__main__":
    main()
