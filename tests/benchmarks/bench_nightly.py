"""What building the marts costs, as multiples of a baseline measured in the same run.

    python -m tests.benchmarks.bench_nightly [--events N] [--days 120] [--home DIR]

Lands simulated events, then measures, each in a process of its own:

- the full rebuild of all models against one `create table ... as` that reads the lake,
  de-duplicates by event id and writes it in (person, time) order: at most 3x;
- a night with 1 % new events against the full rebuild: at most 0.15x of it, on top of
  start-up (dbt with nothing new); also told with start-up taken off both;
- a night with the newest day alone against the full rebuild, in processor seconds: at
  most 0.1x of it, start-up included in both; also told with start-up taken off both;
- peak memory of each: under 4 GB.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import gettempdir

import duckdb

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from ingestion.landing import LandingOptions, land
from ingestion.simulator import Dirt, SimulationSpec, simulate
from ingestion.user_agents import add_user_agents

DBT_PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
MEMORY_LIMIT = "3GB"
# The newest day is the last of its month, the dearest a night can have.
END = date(2026, 5, 1)


@dataclass(frozen=True)
class Cost:
    """Seconds and memory of one process."""

    wall: float
    cpu: float
    peak_gb: float

    def __str__(self) -> str:
        return f"{self.wall:7.1f} s wall {self.cpu:7.1f} s cpu {self.peak_gb:5.2f} GB"


def measured(command: Sequence[str], environment: dict[str, str]) -> Cost:
    """Run a command to its end and read the operating system's accounts of it."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return Cost(
        time.perf_counter() - started,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024**2,
    )


def baseline(lake: Path, database: Path) -> None:
    """Write the lake once: read, one row an event, in order of person and time."""
    database.unlink(missing_ok=True)
    with duckdb.connect(
        str(database), config={"memory_limit": MEMORY_LIMIT, "threads": 2}
    ) as connection:
        connection.execute(
            f"""
            create table events as
            select *
            from read_parquet(
                '{lake}/events/load=*/date=*/*.parquet', hive_partitioning = true
            )
            qualify row_number() over (
                partition by event_id order by received_at nulls last
            ) = 1
            order by coalesce(user_id, anonymous_id), occurred_at, event_id
            """
        )


def dbt_environment(home: Path) -> dict[str, str]:
    return os.environ | {
        "DAYBREAK_LAKE_PATH": str(home / "lake"),
        "DAYBREAK_WAREHOUSE_PATH": str(home / "warehouse.duckdb"),
        "DAYBREAK_SCRATCH_PATH": str(home / "scratch"),
        "DAYBREAK_MEMORY_LIMIT": MEMORY_LIMIT,
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
        "DBT_PROFILES_DIR": str(DBT_PROJECT),
        "DBT_PROJECT_DIR": str(DBT_PROJECT),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def build(home: Path) -> Cost:
    """Build all models, incremental where there is something to build on."""
    dbt = str(Path(sys.executable).with_name("dbt"))
    return measured([dbt, "--quiet", "run"], dbt_environment(home))


def land_new_files(home: Path) -> int:
    """Land new files and parse their user agents; give the rows landed."""
    result = land(
        LandingOptions(
            landing_dir=home / "landing",
            lake_dir=home / "lake",
            now=datetime.now(UTC),
            settle_seconds=0,
        ),
        [],
    )
    add_user_agents(home / "lake", home / "lake" / "catalog")
    return result.landed


def hold_back_newest(landing: Path, aside: Path, share: float) -> None:
    """Move the newest files, together about `share` of all bytes, out of landing."""
    files = sorted(landing.rglob("events-*"), reverse=True)
    wanted = share * sum(file.stat().st_size for file in files)
    aside.mkdir(parents=True, exist_ok=True)
    moved = 0
    for file in files:
        if moved >= wanted:
            return
        moved += file.stat().st_size
        file.rename(aside / file.name)


def land_held_back(home: Path, landing: Path, name: str) -> int:
    """Put files that were held back into landing, and land them."""
    for file in (home / "aside" / name).iterdir():
        file.rename(landing / file.name)
    return land_new_files(home)


def run(events: int, days: int, home: Path) -> None:
    landing = home / "landing" / "app"
    if not landing.is_dir():
        simulate(
            SimulationSpec(
                persons=events // 50,
                start=END - timedelta(days=days),
                days=days,
                events_target=events,
                dirt=Dirt.typical(),
            ),
            landing,
        )
    # Half a day's share takes one file, which holds a day.
    hold_back_newest(landing, home / "aside" / "day", 0.5 / days)
    hold_back_newest(landing, home / "aside" / "share", 0.01)
    compile_catalog(
        load_catalog(DBT_PROJECT / "catalog"),
        CatalogSettings(),
        home / "lake" / "catalog",
    )
    old = land_new_files(home)
    print(f"landed {old:,} rows")

    this = [sys.executable, "-m", "tests.benchmarks.bench_nightly", "--home", str(home)]
    plain = measured([*this, "--baseline"], dict(os.environ))
    full = build(home)
    nothing = build(home)
    new = land_held_back(home, landing, "share")
    night = build(home)
    of_day = land_held_back(home, landing, "day")
    day = build(home)

    print(f"baseline           {plain}")
    print(f"full rebuild       {full}")
    print(f"nothing new        {nothing}")
    print(f"night, {new / old:5.1%} new  {night}")
    print(f"one day, {of_day / (old + new):4.1%} new {day}")
    print(f"full / baseline    {full.wall / plain.wall:5.2f}x wall (limit 3x)")
    added = night.wall - nothing.wall
    print(
        f"night / full       {added / full.wall:5.3f}x wall over start-up (limit 0.15x)"
    )
    apart = added / (full.wall - nothing.wall)
    print(f"                   {apart:5.3f}x wall, start-up taken off both")
    print(f"one day / full     {day.cpu / full.cpu:5.3f}x cpu (limit 0.1x)")
    apart = (day.cpu - nothing.cpu) / (full.cpu - nothing.cpu)
    print(f"                   {apart:5.3f}x cpu, start-up taken off both")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument(
        "--home", type=Path, default=Path(gettempdir(), "daybreak-nightly")
    )
    parser.add_argument("--baseline", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.baseline:
        baseline(arguments.home / "lake", arguments.home / "baseline.duckdb")
        return
    run(arguments.events, arguments.days, arguments.home)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"peak memory of landing and simulation {peak:.2f} GB")


if __name__ == "__main__":
    main()
