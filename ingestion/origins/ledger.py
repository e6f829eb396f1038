"""What was fetched from an origin, and how a fetched file comes to exist exactly once.

Belongs here: the folder `.origin/` inside a source's landing folder, with the ledger
(one line of JSON per kept file) and the files still being fetched. Not here: what a
version or a cursor means (`s3`, `postgres`).

A file is fetched aside, then the line is written and synced, which is the commit, then
the file is renamed into place. A run killed before the commit leaves a file aside that
counts for nothing (or is taken up again); one killed after it is finished by the next.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from ingestion.durable import sync
from ingestion.origins.models import OriginError

ORIGIN_FOLDER: Final = ".origin"


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """One kept file: its path below the source's folder, and what it holds.

    `version` tells it from what the origin holds later. `cursor` is, after a read of a
    database, the value from which the next read goes on, with its type.
    """

    path: str
    version: str
    bytes: int
    staged: str
    rows: int = 0
    cursor: str | None = None
    cursor_type: str | None = None


@dataclass(slots=True)
class OriginLedger:
    """The kept files of one source, oldest first."""

    folder: Path
    files: list[FetchedFile] = field(default_factory=list)
    latest: dict[str, FetchedFile] = field(default_factory=dict)

    @property
    def staging(self) -> Path:
        """Where files are while they are fetched."""
        return self.folder / ORIGIN_FOLDER / "staging"

    @property
    def lines(self) -> Path:
        """The ledger itself."""
        return self.folder / ORIGIN_FOLDER / "ledger.jsonl"

    def staged(self, path: str, version: str) -> Path:
        """Give the place of a file while it is fetched, the same every time."""
        name = hashlib.sha256(f"{path}\n{version}".encode()).hexdigest()[:40]
        return self.staging / f"{name}.part"

    def keep(self, file: FetchedFile) -> None:
        """Commit a file that is whole in staging, and put it into its place.

        Raises FileExistsError or NotADirectoryError, and commits nothing, when the
        place is a folder or below a file.
        """
        target = self.folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise FileExistsError(f"{target} is a folder")
        sync(self.staging / file.staged)
        with self.lines.open("ab") as handle:
            handle.write(json.dumps(asdict(file)).encode() + b"\n")
            handle.flush()
            os.fsync(handle.fileno())
        self._enter(file)
        self._put(file)

    def clear_staging(self, keep: frozenset[str] = frozenset()) -> None:
        """Remove what earlier fetches left aside, but for the names in `keep`."""
        for path in self.staging.iterdir():
            if path.name not in keep:
                path.unlink()

    def _enter(self, file: FetchedFile) -> None:
        self.files.append(file)
        self.latest[file.path] = file

    def _put(self, file: FetchedFile) -> None:
        target = self.folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        (self.staging / file.staged).replace(target)
        sync(target.parent)

    def read(self) -> None:
        """Read the lines; finish what was committed and not yet in its place.

        A line that was being written when the run died is no line.
        """
        if not self.lines.exists():
            return
        content = self.lines.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self.lines, len(whole))
        for line in whole.splitlines():
            self._enter(FetchedFile(**json.loads(line)))
        for file in self.latest.values():
            if (self.staging / file.staged).exists():
                self._put(file)


@contextmanager
def open_ledger(folder: Path) -> Iterator[OriginLedger]:
    """Lock a source's ledger and read it.

    Raises OriginError when another process fetches the same source. The lock dies with
    its process.
    """
    ledger = OriginLedger(folder)
    ledger.staging.mkdir(parents=True, exist_ok=True)
    with (folder / ORIGIN_FOLDER / "lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OriginError(
                "another process is fetching it: wait until it has ended"
            ) from None
        ledger.read()
        yield ledger
