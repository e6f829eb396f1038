"""What sessions cost, as multiples of a plain scan measured in the same run.

    python -m tests.benchmarks.bench_sessions [--events 10000000] [--home DIR]

Simulates a product, copies its persons until there are enough events, and measures
processor seconds of one DuckDB, the best of several runs each, over all history:

- the scan: `select event_name, count(*) ... group by event_name`;
- events placed in sessions, as dbt compiles it. 20x the scan is wanted at 50 million
  events; but the scan takes 4 ns an event, and to write five columns of each event into
  a table takes 57x by itself;
- one row a session, made of them: reported.

Lifecycle, stickiness and segments are told by `bench_cohorts`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

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
PLACED, SESSIONS = "int_events_sessionized", "int_sessions"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--home", type=Path, default=Path("/tmp/bench_sessions"))
    options = parser.parse_args()
    compiled = build(options.home, {"metrics.yml": "metrics: []\n"}, [f"+{SESSIONS}"])
    with connect(options.home) as connection:
        copy_events(connection, options.events)
        report(connection, compiled / FOLDER)


def report(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Measure the scan and the two models."""
    scan = cpu(connection, "select event_name, count(*) from events group by all")
    print(f"{count_of(connection, 'events'):,} events; scan {scan:.3f} s")
    tables = {"int_events": "events", PLACED: PLACED}
    for model, wanted in ((PLACED, " (wanted 20x)"), (SESSIONS, "")):
        query = over_copies((folder / f"{model}.sql").read_text(), tables)
        query = query.replace('"warehouse"', "original")
        seconds = cpu(connection, f"create or replace table {model} as {query}")
        rows = count_of(connection, model)
        print(
            f"{model:24} {rows:12,} rows {seconds:7.2f} s "
            f"{seconds / scan:6.1f}x the scan{wanted}"
        )


if __name__ == "__main__":
    main()
