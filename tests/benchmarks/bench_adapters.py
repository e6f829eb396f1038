"""What landing each vendor's format costs, as a multiple of DuckDB's own load of it.

    python -m tests.benchmarks.bench_adapters [--events 200000] [--home DIR]
        [--rounds 5] [--days 2] [--only ga4,posthog]

One simulated product is written once in every format. The baseline is DuckDB's own
reader of the same files (`read_json`, `read_csv`, `read_parquet`) with the columns and
types that it found in them, copied to one Parquet file: nothing is validated, renamed,
partitioned or checked. Landing includes all of that, checksums and the commit too.
Rounds alternate, and the median of the rounds' ratios is what counts: at most 3.0x.

`ga4.parquet` is the export as BigQuery writes it into Parquet. Copying Parquet to
Parquet parses nothing, so there the baseline is `read_parquet` with the rows turned
into JSON text, which is the least that a reader of unknown columns has to do.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import gettempdir

import duckdb

from ingestion.catalog.models import SourceSpec
from ingestion.landing import LandingOptions, land
from ingestion.simulator import SimulationSpec, simulate
from ingestion.simulator.vendors import VENDORS
from ingestion.sources.adapters import ADAPTERS

MEMORY_LIMIT = "2GB"
THREADS = 2
LIMIT = 3.0
START = date(2026, 1, 1)
PARQUET = ".parquet"


@dataclass(frozen=True)
class Subject:
    """The files of one format below a home of its own."""

    name: str
    home: Path

    @property
    def format(self) -> str:
        return self.name.removesuffix(PARQUET)

    @property
    def files(self) -> list[Path]:
        return sorted((self.home / "landing" / "app").iterdir())

    def glob(self) -> str:
        return str(self.home / "landing" / "app" / f"*{self.files[0].suffix}")


def written(name: str, home: Path, events: int, days: int) -> Subject:
    """Write the simulated product in a format, once for each home."""
    subject = Subject(name, home / name)
    folder = subject.home / "landing" / "app"
    if folder.is_dir():
        return subject
    if name.endswith(PARQUET):
        return as_parquet(subject, written(subject.format, home, events, days))
    spec = SimulationSpec(
        persons=max(1, events // 50),
        start=START,
        days=days,
        events_target=events,
        vendor=subject.format,
    )
    simulate(spec, folder)
    return subject


# The export's types that cannot be told from the lines: BigQuery writes integers into
# JSON as strings, and leaves out what is null.
VALUES = (
    "struct(string_value varchar, int_value bigint, float_value double, "
    "double_value double)"
)
EXPORTED = {
    **dict.fromkeys(
        (
            *("event_timestamp", "event_bundle_sequence_id", "batch_event_index"),
            "event_server_timestamp_offset",
        ),
        "bigint",
    ),
    **dict.fromkeys(
        ("event_params", "user_properties"), f"struct(key varchar, value {VALUES})[]"
    ),
    "user_pseudo_id": "varchar",
}


def as_parquet(subject: Subject, lines: Subject) -> Subject:
    """Write lines again as Parquet, with the types that the export has there."""
    folder = subject.home / "landing" / "app"
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        for file in lines.files:
            call = f"read_json('{file}', sample_size = -1"
            rows = connection.execute(f"describe from {call})").fetchall()
            columns = ", ".join(
                f"'{column}': '{EXPORTED.get(column, kind)}'"
                for column, kind, *_ in rows
            )
            connection.execute(
                f"copy (from {call}, columns = {{{columns}}})) "
                f"to '{folder / file.stem}.parquet' (format parquet)"
            )
    return subject


def reader(subject: Subject) -> str:
    """Give DuckDB's own relation over the files, columns and types declared."""
    files, suffix = subject.glob(), subject.files[0].suffix
    if suffix == PARQUET:
        return (
            f"(select to_json(rows)::varchar as line from read_parquet('{files}') rows)"
        )
    if suffix == ".jsonl":
        return declared(f"read_json('{files}', format = 'newline_delimited'", "columns")
    vendor = VENDORS.get(subject.format)
    header = str(bool(vendor and vendor.header)).lower()
    options = f"header = {header}, quote = '', max_line_size = 16777216"
    return declared(f"read_csv('{files}', {options}, delim = chr(9)", "columns")


def declared(call: str, option: str) -> str:
    found = duckdb.execute(f"describe from {call}, sample_size = -1)").fetchall()
    pairs = ", ".join(f"'{row[0]}': '{row[1]}'" for row in found)
    extra = ", auto_detect = false" if call.startswith("read_csv") else ""
    return f"{call}{extra}, {option} = {{{pairs}}})"


def baseline(subject: Subject, relation: str) -> None:
    """Load the files as plainly as DuckDB can."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "threads": THREADS,
    }
    with duckdb.connect(config=settings) as connection:
        target = subject.home / "baseline.parquet"
        connection.execute(f"copy (from {relation}) to '{target}' (format parquet)")


def landing(subject: Subject) -> None:
    """Land the files into a new lake; nothing may be refused."""
    shutil.rmtree(subject.home / "lake", ignore_errors=True)
    options = LandingOptions(
        subject.home / "landing",
        subject.home / "lake",
        datetime(2026, 3, 1, tzinfo=UTC),
        settle_seconds=0,
        memory_limit=MEMORY_LIMIT,
        threads=THREADS,
    )
    source = SourceSpec.model_validate({"name": "app", "format": subject.format})
    result = land(options, [source])
    if result.quarantined or not result.landed:
        raise SystemExit(f"{subject.name}: {result}")


def seconds(step: Callable[[], None]) -> tuple[float, float]:
    """Give wall and processor seconds of a step."""
    wall, cpu = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(subject: Subject, rounds: int) -> float:
    """Measure in turn and print one line; gives the median ratio of wall seconds."""
    relation = reader(subject)
    plain, ours = [], []
    for _ in range(rounds):
        plain.append(seconds(lambda: baseline(subject, relation)))
        ours.append(seconds(lambda: landing(subject)))
    rows = duckdb.execute(f"select count(*) from {relation}").fetchone()
    count = rows[0] if rows else 0
    pairs = list(zip(ours, plain, strict=True))
    wall = statistics.median(a[0] / b[0] for a, b in pairs)
    cpu = statistics.median(a[1] / b[1] for a, b in pairs)
    size = sum(file.stat().st_size for file in subject.files) / 1e6
    best, own = min(a[0] for a in ours), min(b[0] for b in plain)
    print(
        f"{subject.name:14} {count:>10,} events {size:7.0f} MB "
        f"{count / best:>11,.0f} events/s  DuckDB {count / own:>11,.0f} events/s  "
        f"{wall:5.2f}x wall {cpu:5.2f}x cpu",
        flush=True,
    )
    return wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument(
        "--home", type=Path, default=Path(gettempdir(), "daybreak-adapters")
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    names = arguments.only.split(",") if arguments.only else [*ADAPTERS, "ga4.parquet"]
    slow = []
    for name in names:
        home = arguments.home / f"{arguments.events}-{arguments.days}"
        subject = written(name, home, arguments.events, arguments.days)
        if measure(subject, arguments.rounds) > LIMIT:
            slow.append(name)
    if slow:
        raise SystemExit(f"slower than {LIMIT}x: {', '.join(slow)}")


if __name__ == "__main__":
    main()
