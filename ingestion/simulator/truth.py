"""What really happened, counted from the generated rows before dirt is added.

Counts here are made with numpy from codes, never from the files, so that a test
that reads the files compares two independent computations.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingestion.simulator.clock import DAY
from ingestion.simulator.kinds import KIND, KINDS
from ingestion.simulator.rows import NO_DEVICE, Rows
from ingestion.simulator.vocabulary import PLANS

NEVER = -(10**6)
MRR_CENTS = np.array([plan.mrr_cents for plan in PLANS] + [0])
MOVEMENTS = ("new", "reactivation", "expansion", "contraction", "churn")


def dollars(cents: int) -> str:
    """Cents as a decimal string: -1234 is '-12.34'."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


class ActivePersons:
    """Distinct persons active in the trailing 1, 7 and 30 UTC days."""

    def __init__(self, persons: int) -> None:
        self._last_day = np.full(persons, NEVER, dtype=np.int32)
        self._pending: dict[int, list[NDArray[np.int64]]] = defaultdict(list)

    def add(self, day: NDArray[np.int64], person: NDArray[np.int32]) -> None:
        """Note activity of persons on days not yet closed."""
        key = day << 32 | person
        distinct = np.unique(key[np.diff(key, prepend=-1) != 0])
        days = distinct >> 32
        for each in np.unique(days):
            self._pending[int(each)].append(distinct[days == each] & 0xFFFFFFFF)

    def close(self, day: int) -> dict[str, int]:
        """Counts of a day; days are closed in order, each once."""
        for persons in self._pending.pop(day, []):
            self._last_day[persons] = day
        return {
            name: int((self._last_day > day - window).sum())
            for name, window in (("dau", 1), ("wau", 7), ("mau", 30))
        }

    def ever(self) -> int:
        """Persons active on any closed day."""
        return int((self._last_day != NEVER).sum())


class TruthRecorder:
    """Sums the good rows of each day into the truth."""

    def __init__(self, start_ms: int, days: int, persons: int) -> None:
        self._start_ms = start_ms
        self._days = days
        self._counts = np.zeros((days, len(KINDS)), dtype=np.int64)
        self._sessions = np.zeros(days, dtype=np.int64)
        self._cents = {
            name: np.zeros(days, dtype=np.int64)
            for name in ("revenue", "refunds", *MOVEMENTS)
        }
        self._clients = ActivePersons(persons)
        self._anyone = ActivePersons(persons)
        self._active: list[dict[str, dict[str, int]]] = []

    def add(self, rows: Rows) -> None:
        """Count the good rows generated for the next day and close that day."""
        day = (rows["occurred"] - self._start_ms) // DAY
        kind = rows["kind"]
        cells = np.bincount(day * len(KINDS) + kind, minlength=self._counts.size)
        self._counts += cells.reshape(self._counts.shape)
        self._sessions += np.bincount(day[rows["opens"]], minlength=self._days)
        money = {"revenue": "purchase_completed", "refunds": "refund_issued"}
        for name, source in money.items():
            at = kind == KIND[source]
            self._add_cents(name, day[at], rows["number"][at])
        self._add_movements(day, rows)
        is_client = rows["device"] != NO_DEVICE
        self._clients.add(day[is_client], rows["person"][is_client])
        self._anyone.add(day, rows["person"])
        today = len(self._active)
        self._active.append(
            {
                "client_events": self._clients.close(today),
                "any_events": self._anyone.close(today),
            }
        )

    def _add_cents(
        self, name: str, day: NDArray[np.int64], cents: NDArray[np.int64]
    ) -> None:
        np.add.at(self._cents[name], day, cents)

    def _add_movements(self, day: NDArray[np.int64], rows: Rows) -> None:
        names = ("started", "upgraded", "downgraded", "cancelled")
        kinds = [KIND[f"subscription_{name}"] for name in names]
        at = np.isin(rows["kind"], kinds)
        day, moves = day[at], rows[at]
        change = MRR_CENTS[moves["subject"] & 7] - MRR_CENTS[moves["subject"] >> 3]
        starts = moves["kind"] == kinds[0]
        again = starts & (moves["number"] == 1)
        chosen = (
            starts & ~again,
            again,
            moves["kind"] == kinds[1],
            moves["kind"] == kinds[2],
            moves["kind"] == kinds[3],
        )
        for name, which in zip(MOVEMENTS, chosen, strict=True):
            self._add_cents(name, day[which], change[which])

    @property
    def event_count(self) -> int:
        """Good distinct events so far."""
        return int(self._counts.sum())

    def report(self, dates: list[str]) -> dict[str, Any]:
        """Totals, days and counts by event name and day, as JSON values."""
        return {
            "totals": {
                "events": self.event_count,
                "persons": self._anyone.ever(),
                "sessions": int(self._sessions.sum()),
                "sign_ups": self._total("signed_up"),
                "purchases": self._total("purchase_completed"),
                "revenue": dollars(int(self._cents["revenue"].sum())),
                "refunds": dollars(int(self._cents["refunds"].sum())),
                "invites_sent": self._total("invite_sent"),
                "invites_accepted": self._total("invite_accepted"),
            },
            "days": [self._day(number, name) for number, name in enumerate(dates)],
            "event_counts": {
                kind.name: {
                    dates[day]: int(self._counts[day, code])
                    for day in np.flatnonzero(self._counts[:, code])
                }
                for code, kind in enumerate(KINDS)
            },
        }

    def _total(self, name: str) -> int:
        return int(self._counts[:, KIND[name]].sum())

    def _day(self, day: int, name: str) -> dict[str, Any]:
        count = self._counts[day]
        return {
            "date": name,
            "events": int(count.sum()),
            "sessions": int(self._sessions[day]),
            "active_persons": self._active[day],
            "sign_ups": int(count[KIND["signed_up"]]),
            "purchases": int(count[KIND["purchase_completed"]]),
            "revenue": dollars(int(self._cents["revenue"][day])),
            "refunds": dollars(int(self._cents["refunds"][day])),
            "mrr": self._mrr(day),
            "invites_sent": int(count[KIND["invite_sent"]]),
            "invites_accepted": int(count[KIND["invite_accepted"]]),
        }

    def _mrr(self, day: int) -> dict[str, str]:
        moved = {name: int(self._cents[name][day]) for name in MOVEMENTS}
        opening = sum(int(self._cents[name][:day].sum()) for name in MOVEMENTS)
        figures = {"opening": opening} | moved
        figures["closing"] = sum(figures.values())
        return {name: dollars(cents) for name, cents in figures.items()}
