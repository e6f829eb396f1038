"""Instants and lengths of simulated time, in milliseconds since 1970 UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


@dataclass(frozen=True)
class Day:
    """A day of the period.

    Attributes:
        number: 0 for the first.
        start: its midnight.
        horizon: end of what may occur in the whole period.
    """

    number: int
    start: int
    horizon: int


def midnight(day: date) -> int:
    """The instant a UTC day begins."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return int(start.timestamp()) * SECOND
