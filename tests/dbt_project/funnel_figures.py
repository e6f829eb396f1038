"""The figures of a funnel, from the attempts that brute force found.

Belongs here: counting by period, group and step, and what is known at a watermark. Not
here: which attempts there are (`funnel_oracle`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.dbt_project.funnel_oracle import (
    Attempt,
    Breakdown,
    Event,
    Oracle,
    group_of,
)


class Figures:
    """What the step table has to say of one funnel over one log."""

    def __init__(self, oracle: Oracle, watermark: datetime) -> None:
        self.oracle = oracle
        self.funnel = oracle.funnel
        self.watermark = watermark

    def cells(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Give (breakdown, group, period, start, step) -> (count, mean, worth).

        Only cells of groups and periods that somebody entered.
        """
        cells: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        runs = [("all", list(self.oracle.attempts(None)))]
        if self.funnel.breakdown is not None:
            runs.append(("group", self._grouped(self.funnel.breakdown)))
        for name, found in runs:
            parts: dict[tuple[Any, ...], list[Attempt]] = defaultdict(list)
            for group, attempt in found:
                for period, start in self._periods(attempt):
                    parts[(name, group, period, start)].append(attempt)
            for key, attempts in parts.items():
                for step, figure in self._cell(attempts):
                    cells[(*key, step)] = self._if_mature(key, step, figure)
        return cells

    def _grouped(self, breakdown: Breakdown) -> list[tuple[str, Attempt]]:
        if breakdown.attribution in ("step", "all_events"):
            found = list(self.oracle.attempts(breakdown))
        else:
            touches = self.touches(breakdown)
            found = [
                (touches.get(attempt.unit, "(none)"), attempt)
                for _, attempt in self.oracle.attempts(None)
            ]
        units: dict[str, set[str]] = defaultdict(set)
        for group, attempt in found:
            units[group].add(self._counted(attempt))
        ranked = sorted(units, key=lambda group: (-len(units[group]), group))
        kept = set(ranked[: breakdown.limit])
        return [(group if group in kept else "Other", one) for group, one in found]

    def touches(self, breakdown: Breakdown) -> dict[str, str]:
        """Give the value that a touch gave to each unit, where it has one."""
        beyond = timedelta(0)
        if self.funnel.range_applies_to == "entry":
            beyond = self.funnel.window
        values: dict[str, str] = {}
        ordered: Iterable[Event] = self.oracle.log
        if breakdown.attribution == "last_touch":
            ordered = reversed(self.oracle.log)
        for event in ordered:
            value = group_of(breakdown, event)
            if (
                value
                and self.oracle.roles.is_step(event)
                and self.oracle.in_range(event.at, beyond)
            ):
                values.setdefault(str(self.oracle.unit(event)), value)
        return values

    def _counted(self, attempt: Attempt) -> str:
        return attempt.id if self.funnel.counting == "totals" else attempt.unit

    def _periods(self, attempt: Attempt) -> Iterator[tuple[str, datetime | None]]:
        day = self.oracle.local(attempt.times[0]).replace(hour=0, minute=0, second=0)
        week = day - timedelta(days=day.weekday())
        # Periods that begin after the watermark are none yet.
        yield from (
            (period, start)
            for period, start in (("day", day), ("week", week))
            if start < self.oracle.local(self.watermark)
        )
        closed = self.funnel.range_applies_to == "all_events" and self._range_is_over()
        ends = self.oracle.utc(day + timedelta(days=1))
        if ends + self.funnel.window <= self.watermark or closed:
            yield "all", None

    def _range_is_over(self) -> bool:
        end = self.funnel.range_to
        return end is not None and self.oracle.utc(end) <= self.watermark

    def _cell(self, attempts: list[Attempt]) -> Iterator[tuple[int, tuple[Any, ...]]]:
        best: dict[str, Attempt] = {}
        for one in sorted(attempts, key=_best_first):
            best.setdefault(self._counted(one), one)
        for step in range(1, len(self.funnel.steps) + 1):
            there = [one for one in best.values() if one.level >= step]
            seconds = [
                (one.times[step - 1] - one.times[step - 2]).total_seconds()
                for one in there
                if step > 1
            ]
            worths = [one.worth for one in there if one.worth is not None]
            is_last = step == len(self.funnel.steps)
            yield (
                step,
                (
                    len(there),
                    sum(seconds) / len(seconds) if seconds else None,
                    Decimal(sum(worths)) if worths and is_last else None,
                ),
            )

    def _if_mature(
        self, key: tuple[Any, ...], step: int, figure: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        _, _, period, start = key
        if period == "all":
            return figure
        end = start + timedelta(days={"day": 1, "week": 7}[period])
        if self.funnel.range_to is not None:
            end = min(end, self.funnel.range_to)
        closed = self.oracle.utc(end) + self.funnel.window
        if self.funnel.range_applies_to == "all_events" and self.funnel.range_to:
            closed = min(closed, self.oracle.utc(self.funnel.range_to))
        if closed <= self.watermark:
            return figure
        known = step == 1 and not self.funnel.exclusions
        return (figure[0] if known else None, None, None)


def _best_first(attempt: Attempt) -> tuple[Any, ...]:
    return (
        -attempt.level,
        attempt.times[-1],
        -attempt.times[0].timestamp(),
        attempt.id,
    )
