"""What a caller asks of the simulator: size, period, format, naming, dirt.

Only the request and its validation belong here. How persons behave is in
`behaviours`, how the request becomes events in `simulation`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date
from typing import Literal, get_args

from ingestion.simulator.vendors import NATIVE, VENDORS

Format = Literal["jsonl", "jsonl.gz", "jsonl.zst", "csv", "parquet"]
Naming = Literal["snake_case", "camelCase", "legacy"]

MAX_DIRT_SHARE = 0.5
MAX_PERSONS = 20_000_000


@dataclass(frozen=True)
class Dirt:
    """Shares of dirt, each relative to the number of good events.

    `late` and `out_of_order` change when or where good events arrive;
    `duplicates`, `malformed`, `bots` and `clock_skew` add rows. No kind of dirt
    changes a good event, so the truth is the same with and without it.

    Attributes:
        duplicates: the same event sent again, seconds to hours later.
        late: received an hour to three days after it occurred.
        out_of_order: stands elsewhere in its file than by time of receipt.
        malformed: lines that cannot be read as an event.
        bots: page views of a few automated visitors.
        clock_skew: events with impossible clocks (more than 24 h after receipt,
            or before the year 2000), which ingestion must quarantine.
    """

    duplicates: float = 0.0
    late: float = 0.0
    out_of_order: float = 0.0
    malformed: float = 0.0
    bots: float = 0.0
    clock_skew: float = 0.0

    def __post_init__(self) -> None:
        for entry in fields(self):
            share = getattr(self, entry.name)
            if not 0.0 <= share <= MAX_DIRT_SHARE:
                raise ValueError(
                    f"dirt share {entry.name}={share} must lie in [0, {MAX_DIRT_SHARE}]"
                )

    @classmethod
    def typical(cls) -> Dirt:
        """Small shares of every kind, as a careful product team lives with."""
        return cls(
            duplicates=0.01,
            late=0.02,
            out_of_order=0.03,
            malformed=0.0005,
            bots=0.02,
            clock_skew=0.0005,
        )


@dataclass(frozen=True, kw_only=True)
class SimulationSpec:
    """A simulated product: the same specification gives the same files.

    Attributes:
        seed: of every random number.
        persons: visitors who arrive within the period; about half sign up.
        start: first UTC day.
        days: length of the period in UTC days; nothing is received after it.
        events_target: when set, activity is scaled to about this many good
            events (within some percent); when null, persons act at their ease.
        formats: the one file format of all files.
        naming: how clients name the fields; `legacy` sends `event_type`,
            `event_data` and `timestamp`.
        vendor: whose format the files have, of `ingestion.simulator.vendors`; the
            product's own by default. A vendor has one layout and one naming, so that
            only the compression of `formats` is left to choose.
        dirt: what is wrong with the data, nothing by default.
    """

    seed: int = 7
    persons: int
    start: date
    days: int
    events_target: int | None = None
    formats: Format = "jsonl"
    naming: Naming = "snake_case"
    vendor: str = NATIVE
    dirt: Dirt = field(default_factory=Dirt)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed={self.seed} must not be negative")
        if not 1 <= self.persons <= MAX_PERSONS:
            raise ValueError(f"persons={self.persons} must lie in [1, {MAX_PERSONS}]")
        if not 1 <= self.days <= 3650:
            raise ValueError(f"days={self.days} must lie in [1, 3650]")
        if self.start.year < 2001:
            raise ValueError(f"start={self.start} must be 2001 or later")
        if self.events_target is not None and self.events_target < self.persons:
            raise ValueError(
                f"events_target={self.events_target} must be at least persons="
                f"{self.persons}: every person visits once"
            )
        if self.formats not in get_args(Format):
            raise ValueError(f"formats={self.formats!r} is none of {get_args(Format)}")
        if self.naming not in get_args(Naming):
            raise ValueError(f"naming={self.naming!r} is none of {get_args(Naming)}")
        if self.vendor != NATIVE:
            self._check_vendor()

    def _check_vendor(self) -> None:
        if self.vendor not in VENDORS:
            known = (NATIVE, *sorted(VENDORS))
            raise ValueError(f"vendor={self.vendor!r} is none of {known}")
        if not self.formats.startswith("jsonl"):
            raise ValueError(
                f"formats={self.formats!r} is not written for vendor={self.vendor!r}: "
                "it has a layout of its own; choose jsonl, jsonl.gz or jsonl.zst for "
                "its compression"
            )
        if self.naming != "snake_case":
            raise ValueError(
                f"naming={self.naming!r} has no meaning for vendor={self.vendor!r}, "
                "which names its fields itself"
            )
