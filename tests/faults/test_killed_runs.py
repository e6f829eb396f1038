"""A night killed at any instant: nothing lost or doubled, readers never disturbed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.end_to_end.conftest import Tonight, Yesterday, moved_in
from tests.end_to_end.home_of_test import CHECKOUT, HomeOfTest, both_published

MARTS = (
    *("marts.fct_metrics", "marts.fct_sessions", "marts.fct_event_counts"),
    *("marts.dim_persons", "marts.dim_dates", "marts.fct_active_persons_daily"),
)


def published_rows(home: HomeOfTest) -> dict[str, list[tuple[Any, ...]]]:
    return {name: home.rows(f"select * from {name} order by all") for name in MARTS}


def killed_after(home: HomeOfTest, seconds: float) -> bool:
    """Start a night and kill it with all its children; whether it was still at work."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster_project", "run"],
        cwd=CHECKOUT,
        env=home.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(seconds)
    was_at_work = process.poll() is None
    if was_at_work:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return was_at_work


@contextmanager
def readers(published: Path) -> Iterator[list[str]]:
    """Read the published copy without pause; gives the list of what went wrong."""
    wrong: list[str] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                with both_published(published.parent) as connection:
                    totals = connection.execute(
                        """
                        select
                            (select sum(event_count) from marts.fct_event_counts
                             where period = 'day'),
                            (select sum(event_count) from marts.dim_persons)
                        """
                    ).fetchone()
                if totals is None or totals[0] is None or totals[0] < totals[1]:
                    wrong.append(f"half-written: {totals}")
            except duckdb.Error as error:
                wrong.append(str(error))
            time.sleep(0.05)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def check_kills(
    yesterday: Yesterday, tonight: Tonight, place: Path, kills: int, seed: int
) -> None:
    """Hold what killed nights publish in the end against the undisturbed one."""
    duration, wanted = tonight.seconds, published_rows(tonight.home)
    draw = random.Random(seed)
    for _ in range(kills):
        instant = draw.uniform(0.05, 0.98) * duration
        with moved_in(yesterday.home, place) as home:
            shutil.copy(yesterday.todays_file, home.landing / "app")
            with readers(home.published) as wrong:
                killed_after(home, instant)
                home.daybreak("run")
            told = f"killed after {instant:.1f} s of {duration:.1f}"
            assert not wrong, f"{told}: {wrong[:3]}"
            assert published_rows(home) == wanted, told


def test_a_killed_night(
    kept_yesterday: Yesterday, kept_tonight: Tonight, usual_place: Path
) -> None:
    check_kills(kept_yesterday, kept_tonight, usual_place, kills=1, seed=1)


@pytest.mark.campaign
def test_nights_killed_at_twenty_instants(
    kept_yesterday: Yesterday, kept_tonight: Tonight, usual_place: Path
) -> None:
    check_kills(kept_yesterday, kept_tonight, usual_place, kills=20, seed=7)
