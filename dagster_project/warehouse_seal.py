"""Whether any hand but Daybreak's has written to the warehouse file.

What Daybreak knows of its tables holds only as long as nobody else changes them: a
person with a DuckDB shell, a restored copy, a run that was killed half-way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Seal:
    """The size and time of a DuckDB file as Daybreak left it, kept beside it."""

    database: Path

    def is_intact(self) -> bool:
        """Say whether the file is as it was when the seal was set last."""
        return (
            self._file.exists()
            and not self._log.exists()
            and self._file.read_text(encoding="utf-8") == self._state()
        )

    def set(self) -> None:
        """Vouch for the file as it is now."""
        self._file.write_text(self._state(), encoding="utf-8")

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Let the block write to the file: an intact seal is set anew after it.

        A seal that was broken stays broken; so does one whose block raises.
        """
        was_intact = self.is_intact()
        yield
        if was_intact:
            self.set()

    @property
    def _file(self) -> Path:
        return self.database.with_name(f"{self.database.name}.seal")

    @property
    def _log(self) -> Path:
        """What a writer that died left to be merged."""
        return self.database.with_name(f"{self.database.name}.wal")

    def _state(self) -> str:
        if not self.database.exists():
            return "absent"
        stat = self.database.stat()
        return f"{stat.st_size} {stat.st_mtime_ns}"
