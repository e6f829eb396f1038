"""The folder of published nights, and the links by which readers come to one of them.

Belongs here: `nights/<number>/`, the link `current`, the names that lead through it.
Not here: what the files of a night hold (`publishing`).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ingestion.durable import sync

NIGHTS = "nights"
CURRENT = "current"
# The night before stays: a reader may have looked the link up, and open it only now.
NIGHTS_KEPT = 2


def new_night(folder: Path) -> Path:
    """Make the folder of a night, named so that later ones sort later."""
    nights = folder / NIGHTS
    nights.mkdir(parents=True, exist_ok=True)
    current = _current_night(folder)
    newest = int(current.name) if current else 0
    for path in nights.iterdir():
        # Finished, and never switched to: its run was killed.
        if current is None or path.name > current.name:
            shutil.rmtree(path)
    night = nights / f"{newest + 1:09d}"
    night.mkdir()
    return night


def _current_night(folder: Path) -> Path | None:
    link = folder / CURRENT
    if not link.is_symlink():
        return None
    return folder / NIGHTS / link.readlink().name


def switch_to(folder: Path, night: Path, names: Sequence[str]) -> None:
    """Let `current` be the night; the names that readers know lead there.

    Nights older than the one before are removed.
    """
    current, copied = folder / CURRENT, folder / f".{CURRENT}.copied"
    if current.is_dir() and not current.is_symlink():
        # A home that was copied without its links: what they led to is a copy too. It
        # goes when the link stands, so that readers miss it for the shortest time.
        shutil.rmtree(copied, ignore_errors=True)
        current.rename(copied)
    _link(current, Path(NIGHTS) / night.name)
    for name in names:
        if not (folder / name).is_symlink():
            _link(folder / name, Path(CURRENT) / name)
    sync(folder)
    shutil.rmtree(copied, ignore_errors=True)
    _forget_old_nights(folder, night)


def _link(path: Path, destination: Path) -> None:
    aside = path.with_name(f".{path.name}.link")
    aside.unlink(missing_ok=True)
    aside.symlink_to(destination)
    aside.replace(path)


def _forget_old_nights(folder: Path, night: Path) -> None:
    known = sorted(path for path in (folder / NIGHTS).iterdir() if path.name.isdigit())
    for path in known[:-NIGHTS_KEPT]:
        if path != night:
            shutil.rmtree(path)
