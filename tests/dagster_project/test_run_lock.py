"""One run at a time in a home, however the first one ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dagster_project.run_lock import BusyError, hold_run_lock

HOLDER = """
import sys, time
from pathlib import Path
from dagster_project.run_lock import hold_run_lock
with hold_run_lock(Path(sys.argv[1]), "daybreak run", "2026-03-01 03:00:00Z"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "home" / "run.lock"


def holder_of(lock: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_is_told_who_is_at_work(lock: Path) -> None:
    first = holder_of(lock)
    try:
        with (
            pytest.raises(BusyError, match=rf"daybreak run \(process {first.pid}, "),
            hold_run_lock(lock, "second", "now"),
        ):
            pass
    finally:
        first.kill()
        first.wait()


def test_a_killed_run_leaves_no_lock_behind(lock: Path) -> None:
    first = holder_of(lock)
    first.send_signal(signal.SIGKILL)
    first.wait()
    with hold_run_lock(lock, "second", "now"):
        assert "second" in lock.read_text()


def test_who_waits_gets_it_when_the_first_ends(lock: Path) -> None:
    first = holder_of(lock)
    started = time.monotonic()
    subprocess.Popen(["/bin/sh", "-c", f"sleep 1; kill -9 {first.pid}"])
    with hold_run_lock(lock, "second", "now", wait=True):
        waited = time.monotonic() - started
    first.wait()
    assert waited >= 0.9


def test_a_process_may_take_its_own_lock_again(lock: Path) -> None:
    with (
        hold_run_lock(lock, "cli", "now"),
        hold_run_lock(lock, "run inside", "now", wait=True),
    ):
        assert "cli" in lock.read_text()


def test_the_lock_is_free_after_the_block(lock: Path) -> None:
    with hold_run_lock(lock, "first", "now"):
        pass
    with hold_run_lock(lock, "second", "now"):
        assert "second" in lock.read_text()


def test_an_error_inside_the_block_frees_it(lock: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold_run_lock(lock, "first", "now"):
        _ = 1 / 0
    first = holder_of(lock)
    first.kill()
    first.wait()
