"""What landing JSON lines costs, as a multiple of DuckDB's own load of the same files.

    python -m tests.benchmarks.bench_landing [--events 10000000] [--home DIR]
        [--rounds 3] [--dirt] [--naming snake_case] [--one-file 5]

The baseline is `copy (select … from read_json(…declared columns…)) to parquet` into
one file: nothing is validated, partitioned, kept of other fields, or checked. Landing
includes all of that, checksums and the commit too. Each measurement runs in a process
of its own, rounds alternate, and the median of the rounds' ratios is what counts:
at most 3.0x, peak memory under 4 GB.

`--one-file 5` lands one file of 5 GB instead, made of the simulated ones: its peak
memory is what counts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import cycle
from pathlib import Path
from tempfile import gettempdir

import duckdb

from ingestion.events import EVENT_COLUMNS
from ingestion.landing import LandingOptions, land
from ingestion.simulator import Dirt, SimulationSpec, simulate

MEMORY_LIMIT = "2GB"
THREADS = 2
LIMIT = 3.0
PEAK_GB = 4.0
DAYS = 90


@dataclass(frozen=True)
class Cost:
    """Seconds and memory of one process."""

    wall: float
    cpu: float
    peak_gb: float

    def __str__(self) -> str:
        return f"{self.wall:6.1f} s wall {self.cpu:6.1f} s cpu {self.peak_gb:5.2f} GB"


def measured(step: str, home: Path) -> Cost:
    """Run one step in a process of its own; start-up of Python is taken off."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_landing"]
    started = time.perf_counter()
    process = subprocess.Popen([*command, "--home", str(home), "--step", step])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the step {step} failed")
    wall = time.perf_counter() - started
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024**2)


def declared_columns(files: str) -> str:
    """Give the columns a person would declare who knows what the files hold."""
    types = {column.name: column.type for column in EVENT_COLUMNS}
    types["properties"] = "JSON"
    keys = duckdb.execute(
        "select distinct unnest(json_keys(json)) as key from (select json from "
        f"read_json_objects('{files}', format = 'newline_delimited', "
        "ignore_errors = true) limit 200000) order by 1"
    ).fetchall()
    pairs = (f"'{key}': '{types.get(key, 'VARCHAR')}'" for (key,) in keys)
    return "{" + ", ".join(pairs) + "}"


def baseline(home: Path) -> None:
    """Load the files as plainly as DuckDB can."""
    files = str(home / "landing" / "app" / "*.jsonl")
    columns = (home / "columns.txt").read_text("utf-8")
    # With it DuckDB reads on one thread, 41 s where it takes 16 without: asked for only
    # where the files have lines that stop it otherwise.
    errors = ", ignore_errors = true" if (home / "dirt").exists() else ""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "threads": THREADS,
        "temp_directory": str(home / "spill"),
    }
    with duckdb.connect(config=settings) as connection:
        connection.execute(
            f"copy (select * from read_json('{files}', columns = {columns}, "
            f"format = 'newline_delimited'{errors})) "
            f"to '{home / 'baseline.parquet'}' (format parquet)"
        )


def landing(home: Path) -> None:
    """Land the files into a new lake."""
    shutil.rmtree(home / "lake", ignore_errors=True)
    options = LandingOptions(
        home / "landing",
        home / "lake",
        datetime.now(UTC),
        settle_seconds=0,
        memory_limit=MEMORY_LIMIT,
        threads=THREADS,
    )
    result = land(options, [])
    print(f"landed {result.landed:,}, quarantined {result.quarantined:,}")


def nothing(home: Path) -> None:
    """Do what both steps do before they start: import."""


STEPS = {"baseline": baseline, "landing": landing, "nothing": nothing}


def prepare(home: Path, events: int, naming: str, *, has_dirt: bool) -> None:
    """Simulate the files once for each home."""
    folder = home / "landing" / "app"
    if not folder.is_dir():
        simulate(
            SimulationSpec(
                persons=max(1, events // 50),
                start=date(2026, 1, 1),
                days=DAYS,
                events_target=events,
                naming=naming,  # type: ignore[arg-type]
                dirt=Dirt.typical() if has_dirt else Dirt(),
            ),
            folder,
        )
        if has_dirt:
            (home / "dirt").touch()
    columns = declared_columns(str(folder / "*.jsonl"))
    (home / "columns.txt").write_text(columns, "utf-8")


def run(home: Path, rounds: int) -> float:
    """Measure in turn and print; gives the median ratio of wall seconds."""
    start = measured("nothing", home)
    files = list((home / "landing" / "app").glob("*.jsonl"))
    size = sum(file.stat().st_size for file in files)
    print(f"{len(files)} files, {size / 1e9:.2f} GB; start-up {start}")
    ratios, cpus = [], []
    for _ in range(rounds):
        plain, ours = measured("baseline", home), measured("landing", home)
        ratios.append((ours.wall - start.wall) / (plain.wall - start.wall))
        cpus.append((ours.cpu - start.cpu) / (plain.cpu - start.cpu))
        print(f"read_json to parquet  {plain}")
        print(f"landing               {ours}")
        print(f"ratio {ratios[-1]:.2f}x wall, {cpus[-1]:.2f}x cpu")
    median = statistics.median(ratios)
    cpu = statistics.median(cpus)
    print(f"median {median:.2f}x wall, {cpu:.2f}x cpu (limit {LIMIT}x)")
    return median


def one_file(home: Path, gigabytes: float) -> Path:
    """Give a home with one file: the simulated ones behind one another, repeated."""
    alone = home / "one_file"
    target = alone / "landing" / "app" / "events.jsonl"
    shutil.rmtree(alone, ignore_errors=True)
    target.parent.mkdir(parents=True)
    with target.open("wb") as out:
        for file in cycle(sorted((home / "landing" / "app").glob("*.jsonl"))):
            if out.tell() >= gigabytes * 1e9:
                return alone
            with file.open("rb") as lines:
                shutil.copyfileobj(lines, out, 1 << 24)
    raise SystemExit(f"no files in {home}")


def run_one_file(home: Path, gigabytes: float) -> float:
    """Land one big file and print; gives the peak memory in GB."""
    alone = one_file(home, gigabytes)
    cost = measured("landing", alone)
    size = (alone / "landing" / "app" / "events.jsonl").stat().st_size
    print(f"landing one file of {size / 1e9:.2f} GB  {cost} (limit {PEAK_GB} GB)")
    shutil.rmtree(alone)
    return cost.peak_gb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument(
        "--home", type=Path, default=Path(gettempdir(), "daybreak-landing")
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--naming", default="snake_case")
    parser.add_argument("--dirt", action="store_true")
    parser.add_argument("--one-file", type=float, default=0, metavar="GB")
    parser.add_argument("--step", choices=sorted(STEPS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        STEPS[arguments.step](arguments.home)
        return
    prepare(arguments.home, arguments.events, arguments.naming, has_dirt=arguments.dirt)
    if arguments.one_file:
        if run_one_file(arguments.home, arguments.one_file) > PEAK_GB:
            raise SystemExit(1)
        return
    if run(arguments.home, arguments.rounds) > LIMIT:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
