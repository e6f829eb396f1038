"""What paths, groups and performance cost, as multiples of a plain scan.

    python -m tests.benchmarks.bench_paths_and_groups [--events 10000000] [--home DIR]

The product of `bench_cohorts` (fifty events a person, five a visit), with sessions,
values and platforms. Figures are CPU seconds for all history at once, and multiples of
`select event_name, count(*) ... group by` over the same events:

- paths of five steps from the first view of each visit, and all that is made of them;
- six groups of all persons, by week and month, from the days that are kept;
- percentiles of each day, week and month.

All are reported; none has a limit. What a night costs is `bench_nightly`.
"""

from __future__ import annotations

import argparse
import os
import statistics
from pathlib import Path
from tempfile import gettempdir

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from tests.benchmarks.bench_cohorts import (
    build,
    connect,
    cpu_seconds,
    make_events,
    sql_of,
)

CATALOG = {
    "events.yml": """
policy: allow
events:
  - {name: page_viewed, category: c, description: A page was shown.}
""",
    "metrics.yml": "metrics: []\n",
    "paths.yml": """
paths:
  - {name: after_view, anchor: {event: page_viewed}}
""",
    "audience.yml": """
geography:
  - {name: platforms, by: platform}
""",
    "operations.yml": """
performance:
  - {name: load, events: {event: page_viewed}, value: value, slow_above: 500}
""",
}
ROLLUPS = ("int_cohort_units", "int_cohort_days")
FIGURES = {
    "paths by day": ("int_path_counts",),
    "paths by period": ("int_path_sequences", "fct_paths", "fct_path_sequences"),
    "days of groups": ("int_cohort_days",),
    "groups": ("int_group_periods", "fct_geography"),
    "percentiles": ("int_performance_periods", "fct_performance"),
}


def add_sessions_and_values(database: Path) -> None:
    """Give the events values and platforms, and each person a session a day."""
    with connect(database) as connection:
        connection.execute(
            """
            create table intermediate.with_values as
            select
                *,
                cast(hash(person_id) >> 4 as bigint) as person_key,
                false as is_of_server,
                cast(hash(event_id) % 100000 / 100 as decimal(18, 6)) as value,
                'platform ' || cast(hash(person_id) % 6 as varchar) as platform
            from intermediate.int_events
            order by event_date;
            create table intermediate.int_session_days as
            select
                person_key,
                cast(null as varchar) as vendor_session_id,
                min(occurred_at) as session_started_at,
                event_date,
                min(occurred_at) as first_at,
                max(occurred_at) as last_at,
                event_date as session_start_date,
                '20260101T000000000000' as built_through_load_id
            from intermediate.with_values
            group by person_key, event_date;
            drop table intermediate.int_events;
            alter table intermediate.with_values rename to int_events;
            """
        )


def run(events: int, home: Path) -> None:
    """Make events, build the models, and run the SQL of each by itself."""
    database, catalog = home / "warehouse.duckdb", home / "catalog"
    catalog.mkdir(parents=True, exist_ok=True)
    for name, text in CATALOG.items():
        (catalog / name).write_text(text)
    compile_catalog(load_catalog(catalog), CatalogSettings(), home / "lake" / "catalog")
    if not database.exists():
        make_events(database, events)
        add_sessions_and_values(database)
    models = [model for listed in FIGURES.values() for model in listed]
    staging = [f"stg_catalog_{name}" for name in ("paths", "performance", "events")]
    spine = ["int_watermark", "int_calendar_days"]
    with connect(database) as connection:
        connection.execute("drop table if exists intermediate.int_cohort_units")
    build(home, [*staging, *spine, *ROLLUPS, *models])
    with connect(database) as connection:
        scan = "select event_name, count(*) from intermediate.int_events group by all"
        plain = statistics.median(cpu_seconds(connection, [scan]) for _ in range(5))
        print(f"{'plain scan':24} {plain:7.2f} s cpu")
        for name, listed in FIGURES.items():
            cost = cpu_seconds(connection, sql_of(home, listed))
            print(f"{name:24} {cost:7.2f} s cpu {cost / plain:7.1f}x")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument(
        "--home", type=Path, default=Path(gettempdir(), "daybreak-paths")
    )
    arguments = parser.parse_args()
    os.environ.pop("DAYBREAK_LAKE_PATH", None)
    run(arguments.events, arguments.home)


if __name__ == "__main__":
    main()
