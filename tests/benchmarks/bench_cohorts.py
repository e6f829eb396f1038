"""What cohorts and engagement cost, as multiples of a plain scan in the same run.

    python -m tests.benchmarks.bench_cohorts [--events 10000000] [--home DIR]

Makes events of a product (50 a person, five a visit, fading over half a year) as the
table the models read, lets dbt write the models' SQL, and runs each by itself. Figures
are CPU seconds, and multiples of `select event_name, count(*) ... group by` over the
same events:

- the whole weekly retention grid, every event a return, from the rows of one person and
  day that the night keeps: at most 8x at 50 million events;
- persons active in the trailing 1, 7 and 30 days of every day: at most 12x;
- lifecycle, stickiness, segments, usage churn, and the rows themselves (for all history
  at once): reported.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir

import duckdb

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from tests.benchmarks.bench_nightly import MEMORY_LIMIT, dbt_environment

CATALOG = {
    "events.yml": """
policy: allow
events:
  - {name: page_viewed, category: c, description: A page was shown.}
  - {name: api_called, category: c, description: A server called., is_activity: false}
""",
    "metrics.yml": "metrics: []\n",
    "retention.yml": """
retention:
  - {name: weekly, target: {event: "*"}, returning: {event: "*"}, periods: 26}
""",
    "segments.yml": """
lifecycle: [{name: activity}]
stickiness: [{name: of_30_days}, {name: of_week, within: week}]
segments: [{name: engagement}]
""",
}
ROLLUPS = ("int_person_days", "int_cohort_units", "int_cohort_days")
MARTS = {
    "weekly retention grid": (
        *("int_retention_counts", "int_retention_cohorts", "fct_retention"),
    ),
    "DAU, WAU and MAU": ("fct_active_persons_daily",),
    "lifecycle": ("int_lifecycle_counts", "fct_lifecycle"),
    "stickiness": (
        *("int_stickiness_changes", "int_stickiness_windows", "fct_stickiness"),
    ),
    "segments": (
        *("int_segment_spans", "int_segment_days", "fct_segment_members"),
        *("fct_segments_daily", "fct_segment_movements"),
    ),
    "usage churn": ("int_usage_spells", "fct_usage_spells", "fct_usage_churn"),
}
LIMITS = {"weekly retention grid": 8, "DAU, WAU and MAU": 12}
DAYS = 182


def make_events(database: Path, events: int) -> None:
    """Write what the models read: events by day, and the tables they lean on."""
    persons = events // 50
    with connect(database) as connection:
        connection.execute("create schema intermediate; create schema staging")
        connection.execute(
            f"""
            create table intermediate.int_events as
            with visits as (
                select
                    visit,
                    hash(visit) % {persons} as person,
                    hash(visit, 1) % 1000000 / 1e6 as fading,
                    hash(visit, 2) % 80000 as second_of_day
                from range({events // 5}) as t (visit)
            ),
            placed as (
                select
                    visit,
                    person,
                    date '2026-01-01' + cast(least(
                        (hash(person, 3) % {DAYS}) - ln(1 - fading) * 25, {DAYS - 1}
                    ) as integer) as event_date,
                    second_of_day
                from visits
            )
            select
                event_date,
                'p' || lpad(cast(person as varchar), 15, '0') as person_id,
                'e' || visit || '-' || step as event_id,
                case
                    when step = 0 then 'page_viewed'
                    else 'event_' || cast(hash(visit, step) % 40 as varchar)
                end as event_name,
                event_date + (second_of_day + 60 * step) * interval '1' second
                    as occurred_at,
                cast(null as varchar) as user_id,
                cast(null as decimal(18, 6)) as revenue,
                false as is_bot,
                false as is_internal
            from placed
            cross join range(5) as steps (step)
            order by event_date
            """
        )
        connection.execute(
            """
            create table intermediate.int_event_days as
            select distinct event_date, '20260101T000000000000' as last_load_id
            from intermediate.int_events;
            create table intermediate.int_person_properties (
                person_id varchar, person_properties varchar
            );
            """
        )


def connect(database: Path) -> duckdb.DuckDBPyConnection:
    """Open the warehouse as the profile of the dbt project does."""
    return duckdb.connect(
        str(database),
        config={
            "threads": 2,
            "memory_limit": MEMORY_LIMIT,
            "preserve_insertion_order": False,
            "disabled_optimizers": "build_side_probe_side",
            "temp_directory": str(database.parent / "scratch"),
        },
    )


def build(home: Path, models: Sequence[str]) -> None:
    """Let dbt write and build the models."""
    dbt = str(Path(sys.executable).with_name("dbt"))
    subprocess.run(
        [dbt, "--quiet", "run", "--full-refresh", "--select", *models],
        env=dbt_environment(home) | {"DAYBREAK_THREADS": "2"},
        check=True,
    )


def cpu_seconds(connection: duckdb.DuckDBPyConnection, queries: Sequence[str]) -> float:
    """Run queries one after the other; give the CPU seconds of all threads."""
    started = time.process_time()
    for query in queries:
        connection.execute(query).fetchall()
    return time.process_time() - started


def sql_of(home: Path, models: Sequence[str]) -> list[str]:
    """Give the SQL that dbt wrote for models, each making a table to throw away."""
    compiled = home / "target" / "compiled" / "daybreak" / "models"
    return [
        f"create or replace temp table of_{model} as\n"
        + next(compiled.rglob(f"{model}.sql")).read_text()
        for model in models
    ]


def run(events: int, home: Path) -> None:
    database = home / "warehouse.duckdb"
    catalog = home / "catalog"
    catalog.mkdir(parents=True, exist_ok=True)
    for name, text in CATALOG.items():
        (catalog / name).write_text(text)
    compile_catalog(load_catalog(catalog), CatalogSettings(), home / "lake" / "catalog")
    if not database.exists():
        make_events(database, events)
    marts = [model for models in MARTS.values() for model in models]
    definitions = ["retention", "retention_periods", "lifecycle", "stickiness"]
    staging = [f"stg_catalog_{name}" for name in (*definitions, "segmentations")]
    spine = ["int_watermark", "int_calendar_days", "stg_catalog_events"]
    with connect(database) as connection:
        connection.execute("drop table if exists intermediate.int_cohort_units")
    build(home, [*staging, *spine, *ROLLUPS, *marts])

    with connect(database) as connection:
        scan = "select event_name, count(*) from intermediate.int_events group by all"
        plain = statistics.median(cpu_seconds(connection, [scan]) for _ in range(5))
        print(f"{'plain scan':24} {plain:7.2f} s cpu")
        for name, models in (("rows of person and day", ROLLUPS), *MARTS.items()):
            cost = cpu_seconds(connection, sql_of(home, models))
            limit = f" (limit {LIMITS[name]}x)" if name in LIMITS else ""
            print(f"{name:24} {cost:7.2f} s cpu {cost / plain:7.1f}x{limit}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument(
        "--home", type=Path, default=Path(gettempdir(), "daybreak-cohorts")
    )
    arguments = parser.parse_args()
    os.environ.pop("DAYBREAK_LAKE_PATH", None)
    run(arguments.events, arguments.home)


if __name__ == "__main__":
    main()
