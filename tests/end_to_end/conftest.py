"""A home with forty good nights behind it, and one day's file still to land."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from ingestion.simulator import SimulationSpec, simulate
from tests.end_to_end.home_of_test import HomeOfTest

DAYS = 40


@dataclass(frozen=True)
class Yesterday:
    """A published home, and the file that today's night should land."""

    home: HomeOfTest
    todays_file: Path


@pytest.fixture(scope="session")
def _yesterday(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yesterday]:
    folder = tmp_path_factory.mktemp("yesterday")
    home = HomeOfTest(folder / "home")
    simulate(
        SimulationSpec(
            persons=800, start=date(2026, 1, 1), days=DAYS, events_target=24_000
        ),
        home.landing / "app",
    )
    newest = max((home.landing / "app").glob("events-*"))
    todays_file = folder / newest.name
    newest.rename(todays_file)
    home.daybreak("run")
    yield Yesterday(home, todays_file)
    shutil.rmtree(folder)


@pytest.fixture
def yesterday(_yesterday: Yesterday, tmp_path: Path) -> Yesterday:
    """Give a copy that a test may break."""
    shutil.copytree(_yesterday.home.path, tmp_path / "home", symlinks=True)
    return Yesterday(HomeOfTest(tmp_path / "home"), _yesterday.todays_file)
