"""What sessions cost, as multiples of a plain scan measured in the same run.

    python -m tests.benchmarks.bench_sessions [--events 10000000] [--home DIR]

Simulates a product, copies its persons until there are enough events, and measures
processor seconds of one DuckDB, the best of several runs each, over all history:

- the scan: `select event_name, count(*) ... group by event_name`;
- sessions found, as dbt compiles it, and the same written into their table: 20x the
  scan is wanted at 50 million events;
- what each session is told by its events (pages, sources, devices): reported.

Lifecycle, stickiness and segments are told by `bench_cohorts`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import gettempdir

import duckdb

from tests.benchmarks.simulated_copies import (
    build,
    connect,
    copy_events,
    count_of,
    cpu,
    over_copies,
)

FOLDER = Path("models") / "intermediate" / "sessions"
FOUND, TOLD = "int_session_days", "int_sessions"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument(
        "--home", type=Path, default=Path(gettempdir(), "daybreak-sessions")
    )
    options = parser.parse_args()
    compiled = build(options.home, {"metrics.yml": "metrics: []\n"}, [f"+{TOLD}"])
    with connect(options.home) as connection:
        copy_events(connection, options.events)
        report(connection, compiled / FOLDER)


def report(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Measure the scan and the two models."""
    scan = cpu(connection, "select event_name, count(*) from events group by all")
    print(f"{count_of(connection, 'events'):,} events; scan {scan:.3f} s")
    tables = {"int_events": "events", FOUND: FOUND}
    found, told = (
        over_copies((folder / f"{model}.sql").read_text(), tables).replace(
            '"warehouse"', "original"
        )
        for model in (FOUND, TOLD)
    )
    read = """
        select
            count(person_key), max(visit_started_at), max(session_started_at),
            max(event_date), max(first_at), max(last_at)
        from ({})
    """
    written = "create or replace table {} as {}"
    for name, statement in (
        ("found (wanted 20x)", read.format(found)),
        (f"{FOUND}", written.format(FOUND, found)),
        (f"{TOLD}", written.format(TOLD, told)),
    ):
        seconds = cpu(connection, statement)
        print(f"{name:24} {seconds:7.2f} s {seconds / scan:6.1f}x the scan")
    print(f"{count_of(connection, TOLD):,} sessions")


if __name__ == "__main__":
    main()
