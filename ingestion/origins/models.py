"""What fetching is told and what it tells: options, progress, reports.

Belongs here: the frozen values that cross the border of `ingestion.origins`, and the
error of an origin. Not here: any fetching.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

FetchStatus = Literal["fetched", "unchanged", "failed"]


class OriginError(RuntimeError):
    """An origin that cannot be read; says why and what to do, never a secret.

    `is_passing`: trying again may help, as when a connection died.
    """

    def __init__(self, message: str, *, is_passing: bool = False) -> None:
        super().__init__(message)
        self.is_passing = is_passing


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far an origin is, in what it has kept so far."""

    source: str
    files: int
    bytes: int
    rows: int = 0


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """What a fetch needs to know.

    `now` is the instant of the run (with a time zone); it names the files of a
    database. `secrets` are values by the name of their variable. A read that dies is
    taken up again up to `attempts` times in all, `pause_seconds` apart.
    """

    landing_dir: Path
    now: datetime
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    attempts: int = 3
    pause_seconds: float = 2.0
    connect_seconds: int = 10
    read_seconds: int = 60
    parallel: int = 8
    on_progress: Callable[[FetchProgress], None] | None = None

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError(f"now={self.now!r} has no time zone: give it one")

    def secret(self, variable: str) -> str:
        """Give a secret; OriginError when its variable is not set."""
        value = self.secrets.get(variable)
        if not value:
            raise OriginError(f"the environment variable {variable} is not set: set it")
        return value


@dataclass(frozen=True, slots=True)
class OriginReport:
    """What became of one origin; counts are of this fetch.

    After a failure too, the files counted are whole and stay. `unchanged` are files
    or reads of which nothing was new; `problems` are single objects left out.
    """

    source: str
    status: FetchStatus
    files: int = 0
    bytes: int = 0
    rows: int = 0
    unchanged: int = 0
    reason: str | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What a fetch from all declared origins did."""

    origins: tuple[OriginReport, ...] = ()

    @property
    def failed(self) -> tuple[OriginReport, ...]:
        """Origins that need a person, or another try."""
        return tuple(one for one in self.origins if one.reason or one.problems)
