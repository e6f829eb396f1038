"""A simulated product in a warehouse that dbt built, and its rows many times over.

Belongs here: what benchmarks of single models share. Not here: what they measure.
"""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Mapping, Sequence
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
PERSONS = 4_000
RUNS = 3
COPY_OF_PERSON = "person_id || '-' || number"


def build(home: Path, catalog: Mapping[str, str], models: Sequence[str]) -> Path:
    """Simulate a little, let dbt build models; give the folder of their compiled SQL.

    `catalog` gives files beside the demo's events.yml, by name.
    """
    folder = home / "catalog"
    folder.mkdir(parents=True, exist_ok=True)
    events = (DBT_PROJECT / "catalog" / "events.yml").read_text()
    for name, text in {"events.yml": events, **catalog}.items():
        (folder / name).write_text(text)
    lake = home / "lake"
    compile_catalog(load_catalog(folder), CatalogSettings(), lake / "catalog")
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
    result = dbtRunner().invoke(
        ["run", "--full-refresh", "--select", *models, "--quiet", *project]
    )
    # dbt keeps the file open in this process.
    DuckDBConnectionManager.close_all_connections()
    if not result.success:
        raise SystemExit(str(result.exception or "dbt failed"))
    return home / "target" / "compiled" / "daybreak"


def over_copies(query: str, tables: Mapping[str, str]) -> str:
    """Let a compiled model read copies: their names by those of intermediate."""
    for table, copy in tables.items():
        query = query.replace(f'"warehouse"."intermediate"."{table}"', copy)
    return re.sub(r"\(select max\(last_load_id\) from [^)]*\)", "''", query)


def connect(home: Path) -> duckdb.DuckDBPyConnection:
    """Open the database of the copies as the profile of the dbt project does."""
    connection = duckdb.connect(
        str(home / "copies.duckdb"), config={"threads": 2, "memory_limit": "3GB"}
    )
    connection.execute("set preserve_insertion_order = false")
    connection.execute("set disabled_optimizers = 'build_side_probe_side'")
    connection.execute(f"attach '{home}/warehouse.duckdb' as original (read_only)")
    return connection


def copies_for(connection: duckdb.DuckDBPyConnection, wanted: int) -> int:
    """Give how often the original events go into as many as wanted."""
    return max(
        1, round(wanted / count_of(connection, "original.intermediate.int_events"))
    )


def copy_rows(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    name: str,
    *,
    key: str,
    order: str,
    copies: int,
) -> None:
    """Make a table of a source many times, each time with persons of its own.

    Each row is followed by its copies, so that only the source has to be put in order.
    """
    relation = f"original.intermediate.{source}"
    new = {key: f"{key} || '-' || number", "person_id": COPY_OF_PERSON}
    described = connection.execute(f"describe {relation}").fetchall()
    if any(column[0] == "person_key" for column in described):
        new["person_key"] = f"cast(hash({COPY_OF_PERSON}) >> 4 as bigint)"
    listed = ", ".join(f"{sql} as {column}" for column, sql in new.items())
    connection.execute(
        f"""
        create or replace table {name} as
        select * exclude (number) replace ({listed})
        from (
            select *, unnest(range({copies})) as number
            from (select * from {relation} order by {order})
        )
        """
    )


def copy_events(connection: duckdb.DuckDBPyConnection, wanted: int) -> None:
    """Make the table `events`, of about as many as wanted, in the order they land."""
    copy_rows(
        connection,
        "int_events",
        "events",
        key="event_id",
        order="event_date, received_at",
        copies=copies_for(connection, wanted),
    )


def count_of(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """Count the rows of a table."""
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
