"""What is tolerated in newly landed events, and why.

Figures only; the checks they belong to are in `raw_events.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class RawEventsLimits:
    """How much of what is tolerated in newly landed events.

    Shares are in [0, 1] of the new loads' rows. `*_warn` is reported, `*_fail` stops
    everything downstream; None switches that step off. The comments say why a value
    is what it is, and what it was measured on.
    """

    # Server-side and cash sales have no person: 24.9 % of the Online Retail rows
    # carry no customer. When nearly all rows lack ids, no person can be counted.
    nobody_share_warn: float | None = 0.30
    nobody_share_fail: float | None = 0.95

    # Clients retry, so a few per cent of copies are normal and are removed
    # downstream; half of all rows is a file sent twice or a broken id.
    duplicate_share_warn: float | None = 0.05
    duplicate_share_fail: float | None = 0.50

    # A typo in an event's name makes its metric silently too low, but a new event
    # is also how products grow: told, not stopped, unless the owner says otherwise.
    unknown_events: Literal["ignore", "warn", "fail"] = "warn"
    unknown_share: float = 0.0

    # Ingestion quarantines impossible clocks, so one that landed is a defect.
    future_hours: int = 24
    future_share_fail: float | None = 0.0
    floor: datetime = datetime(2000, 1, 1)
    floor_share_fail: float | None = 0.0

    # A nightly delivery holds events up to midnight: 26 hours means that a day is
    # missing, whatever the hour of the run.
    freshness_hours_warn: float | None = 26.0

    # Against the usual volume of a day (see `raw_events_sql`). Half is beyond any
    # ordinary weekday; a twentieth is an outage or a lost file.
    volume_ratio_warn: float | None = 0.50
    volume_ratio_fail: float | None = 0.05
    # Below 20 expected events a half-empty day is chance (Poisson: 0.5 %).
    volume_min_expected: float = 20.0
    volume_min_history_days: int = 14
    volume_max_days_judged: int = 7
    # An empty day with newer events after it is a lost delivery or a closed shop; no
    # figure tells which. Replaying Online Retail night by night (2026-11), as-of the
    # newest event: "fail" stops 5 of 244 judged nights, each after Christmas or a
    # British holiday, "warn" none. An empty day with nothing after it always stops:
    # by the clock that is 16 of 309 nights, again holidays only.
    empty_days: Literal["warn", "fail"] = "fail"

    # One malformed line in a hundred is a client's bug; one in five is a format
    # that changed.
    quarantine_share_warn: float | None = 0.01
    quarantine_share_fail: float | None = 0.20

    # Either sign, per event. The largest real line of Online Retail is 168,469.60;
    # a billion in one event is a unit or a currency gone wrong, and it would be the
    # only thing that revenue shows.
    revenue_warn: float | None = 1e6
    revenue_fail: float | None = 1e9

    # ISO 4217 codes; lower case or signs split the revenue figures by spelling.
    currency_share_warn: float | None = 0.0
    currency_share_fail: float | None = 0.50
