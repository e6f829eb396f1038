"""A home with forty good days behind it, a day's file still to land, and a night.

Each is made once, whichever worker asks first, and copied for whoever breaks it.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path

import duckdb
import pytest

from ingestion.simulator import SimulationSpec, simulate
from tests.end_to_end.home_of_test import HomeOfTest

DAYS = 40
# A table that tonight finds as another version left it.
OF_OTHER_CODE = "intermediate.int_path_counts"


@dataclass(frozen=True)
class Yesterday:
    """A published home, and the file that today's night should land."""

    home: HomeOfTest
    todays_file: Path


@dataclass(frozen=True)
class Tonight:
    """The home after an undisturbed night, what it said, and how long it took.

    `place` is where it stood in that night.
    """

    home: HomeOfTest
    place: Path
    said: str
    seconds: float


@pytest.fixture(scope="session")
def nights_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a folder that all workers share; who leaves last removes it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= "nights"
    folder.mkdir(exist_ok=True)
    with (folder.parent / "nights.lock").open("w") as used:
        flock(used, LOCK_SH)
        yield folder
        with suppress(BlockingIOError):
            flock(used, LOCK_EX | LOCK_NB)
            shutil.rmtree(folder)


@pytest.fixture(scope="session")
def usual_place(nights_folder: Path) -> Path:
    """Where the homes of this worker stand while nights run in them.

    In a home that has moved dbt parses the whole project, and every table is built and
    tested again: 30 s that would prove nothing.
    """
    return nights_folder / os.environ.get("PYTEST_XDIST_WORKER", "alone")


@contextmanager
def moved_in(home: HomeOfTest, place: Path) -> Iterator[HomeOfTest]:
    """Give a copy of a home in a place that is nobody else's until the block ends."""
    with place.with_suffix(".lock").open("w") as taken:
        flock(taken, LOCK_EX)
        shutil.copytree(home.path, place, symlinks=True)
        try:
            yield HomeOfTest(place)
        finally:
            shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def kept_yesterday(nights_folder: Path, usual_place: Path) -> Yesterday:
    kept = HomeOfTest(nights_folder / "yesterday")
    with (nights_folder / "yesterday.lock").open("w") as made:
        flock(made, LOCK_EX)
        if not kept.path.exists():
            home = HomeOfTest(usual_place)
            simulate(
                SimulationSpec(
                    persons=800, start=date(2026, 1, 1), days=DAYS, events_target=24_000
                ),
                home.landing / "app",
            )
            newest = max((home.landing / "app").glob("events-*"))
            newest.rename(nights_folder / newest.name)
            home.daybreak("run")
            home.path.rename(kept.path)
    [todays_file] = nights_folder.glob("events-*")
    return Yesterday(kept, todays_file)


@pytest.fixture(scope="session")
def kept_tonight(
    nights_folder: Path, usual_place: Path, kept_yesterday: Yesterday
) -> Tonight:
    kept, told = HomeOfTest(nights_folder / "tonight"), nights_folder / "tonight.json"
    with (nights_folder / "tonight.lock").open("w") as made:
        flock(made, LOCK_EX)
        if not kept.path.exists():
            with moved_in(kept_yesterday.home, usual_place) as home:
                shutil.copy(kept_yesterday.todays_file, home.landing / "app")
                build_by_other_code(home, OF_OTHER_CODE)
                started = time.monotonic()
                said = home.daybreak("run").stdout
                seconds = time.monotonic() - started
                told.write_text(json.dumps([str(usual_place), said, seconds]))
                home.path.rename(kept.path)
    place, said, seconds = json.loads(told.read_text())
    return Tonight(kept, Path(place), said, seconds)


def build_by_other_code(home: HomeOfTest, table: str) -> None:
    """Leave a table behind as an older Daybreak might have built it."""
    with duckdb.connect(str(home.path / "warehouse" / "warehouse.duckdb")) as warehouse:
        warehouse.execute(f"alter table {table} add column gone_by_now integer")
        warehouse.execute(f"comment on table {table} is 'built by code of yore'")


@pytest.fixture
def yesterday(kept_yesterday: Yesterday, usual_place: Path) -> Iterator[Yesterday]:
    """Give a copy that a test may break."""
    with moved_in(kept_yesterday.home, usual_place) as home:
        yield Yesterday(home, kept_yesterday.todays_file)


@pytest.fixture
def tonight(kept_tonight: Tonight) -> Iterator[Tonight]:
    """Give a copy in which the next night finds all that stands."""
    with moved_in(kept_tonight.home, kept_tonight.place) as home:
        yield replace(kept_tonight, home=home)
