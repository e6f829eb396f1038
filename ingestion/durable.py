"""Files that are on the disk when a call returns.

Belongs here: waiting for the disk, and replacing a file whole or not at all. Not here:
what the files hold.
"""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exchange(aside: Path, path: Path) -> None:
    """Let a file take the place of the one at `path`, and its mode."""
    aside.chmod(path.stat().st_mode & 0o777)
    put_in_place(aside, path)


def put_in_place(aside: Path, path: Path) -> None:
    """Let a file that was written aside be the file at `path`, durably."""
    sync(aside)
    aside.replace(path)
    sync(path.parent)
