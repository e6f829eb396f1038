"""How fast the simulator writes, beside DuckDB writing as many rows of JSON.

Run: `python -m tests.benchmarks.bench_simulator [events]` (default 2 million).
Prints events per second, processor time and peak memory of the simulation, then the
same for `copy (select …) to … (format json)` of constant rows of about equal width:
what a writer costs that generates nothing. Each runs in a process of its own, so
that the peaks are its own.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb

from ingestion.simulator import SimulationSpec, simulate

DEFAULT_EVENTS = 2_000_000
PERSON_SHARE = 0.02
DAYS = 30
TEXT_FIELDS = (
    *("event_name", "category", "user_id", "platform", "app_version", "device_type"),
    *("os", "browser", "country", "region", "city", "referrer", "utm_source"),
    *("utm_medium", "utm_campaign", "page"),
)


def simulated(events: int, directory: Path) -> int:
    """Simulate about so many events; returns the rows written."""
    spec = SimulationSpec(
        persons=int(events * PERSON_SHARE),
        start=date(2026, 1, 1),
        days=DAYS,
        events_target=events,
    )
    return simulate(spec, directory).row_count


def plain_json(events: int, directory: Path) -> int:
    """Let DuckDB write as many rows; returns their number."""
    directory.mkdir(parents=True, exist_ok=True)
    fields = ", ".join(f"'some text' as {name}" for name in TEXT_FIELDS)
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false").fetchall()
    connection.execute(
        f"""
        copy (
            select md5(i::varchar) as event_id, md5((i // 50)::varchar) as anonymous_id,
                timestamp '2026-01-01' + to_milliseconds(i) as occurred_at,
                timestamp '2026-01-01' + to_milliseconds(i + 1500) as received_at,
                {fields}, {{'course_id': i % 60, 'plan': 'single'}} as properties
            from range({events}) as numbers(i)
        ) to '{directory}/events.jsonl' (format json)
        """
    ).fetchall()
    return events


def measured(
    work: Callable[[int, Path], int], events: int, directory: Path
) -> dict[str, float]:
    """Rows, seconds, processor seconds, megabytes written and peak megabytes."""
    began, used = time.perf_counter(), time.process_time()
    rows = work(events, directory)
    return {
        "rows": rows,
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - used,
        "written": sum(file.stat().st_size for file in directory.iterdir()) / 1e6,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def report(name: str, figures: dict[str, float]) -> str:
    """One line of figures."""
    return (
        f"{name:<12} {figures['rows']:>12,.0f} rows {figures['seconds']:>7.1f} s"
        f" {figures['rows'] / figures['seconds']:>10,.0f} rows/s"
        f" {1e6 * figures['processor'] / figures['rows']:>6.2f} us of processor a row"
        f" {figures['written'] / figures['rows'] * 1e6:>5.0f} bytes a row"
        f" {figures['peak']:>6.0f} MB peak"
    )


def main() -> None:
    """Run both and print."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_EVENTS
    works = {"simulator": simulated, "plain JSON": plain_json}
    context = multiprocessing.get_context("spawn")
    for name, work in works.items():
        with (
            tempfile.TemporaryDirectory() as scratch,
            context.Pool(1, maxtasksperchild=1) as pool,
        ):
            figures = pool.apply(measured, (work, events, Path(scratch) / "landing"))
            sys.stdout.write(f"{report(name, figures)}\n")


if __name__ == "__main__":
    main()
