"""One run at a time in a home: an advisory lock on `run.lock`.

Runs from the terminal and runs from the UI take the same lock. The system frees it
when the process dies, however it dies; a slot of a Dagster pool would stay taken after
`kill -9`, and every later run would wait for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Holder:
    """Who holds the lock: process id, what it does, and since when (UTC text)."""

    pid: int
    purpose: str
    since: str


class BusyError(RuntimeError):
    """Another run holds the lock."""

    def __init__(self, path: Path, holder: Holder | None) -> None:
        self.holder = holder
        who = (
            f"{holder.purpose} (process {holder.pid}, since {holder.since})"
            if holder
            else "another run"
        )
        super().__init__(
            f"{who} is at work in {path.parent}. Wait for it to end, or start with "
            "--wait to queue behind it."
        )


@contextmanager
def hold_run_lock(
    path: Path, purpose: str, since: str, *, wait: bool = False
) -> Iterator[None]:
    """Hold the lock for the length of the block.

    Re-entrant inside one process: the CLI takes it for the whole night, and the
    run inside finds it taken by its own process. `since` is shown to whoever comes
    second. Raises `BusyError` at once when another process holds it, unless `wait`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as handle:
        if not _acquire(handle, wait=wait):
            holder = _read_holder(handle)
            if holder is None or holder.pid != os.getpid():
                raise BusyError(path, holder)
            yield
            return
        _write_holder(handle, Holder(os.getpid(), purpose, since))
        try:
            yield
        finally:
            _write_holder(handle, None)


def _acquire(handle: IO[str], *, wait: bool) -> bool:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_holder(handle)
            if not wait or (holder is not None and holder.pid == os.getpid()):
                return False
            time.sleep(POLL_SECONDS)
        else:
            return True


def _read_holder(handle: IO[str]) -> Holder | None:
    handle.seek(0)
    try:
        return Holder(**json.loads(handle.read()))
    except (json.JSONDecodeError, TypeError):
        # Taken, and not yet signed.
        return None


def _write_holder(handle: IO[str], holder: Holder | None) -> None:
    handle.seek(0)
    handle.truncate()
    if holder is not None:
        handle.write(json.dumps(holder.__dict__))
    handle.flush()
