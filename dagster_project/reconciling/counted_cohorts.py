"""What persons and accounts count in: cells of retention grids, statuses of lifecycles.

Here belongs what the second engine says of one unit, how much of it can be told without
all its events, and what the marts say. Here does not belong the comparison.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import duckdb

from dagster_project.analysis.reconciliation.events import local_time
from dagster_project.analysis.reconciliation.lifecycle import statuses_of
from dagster_project.analysis.reconciliation.periods import next_start, start_of
from dagster_project.analysis.reconciliation.retention import closes_at, members_of
from dagster_project.reconciling.declared_cohorts import (
    DeclaredLifecycle,
    DeclaredRetention,
)
from dagster_project.reconciling.sample_events import Sighted

# (dimension, value, start) or (period, start): what is counted, and when it begins.
Cohort = tuple[Any, ...]
# The first period of a cell of a grid, or a status.
Cell = Any
# Figure -> the cell it counts, and how many the mart has.
Counts = dict[str, tuple[Cell, int | None]]

STATUSES = ("new", "returning", "resurrecting", "dormant", "active")


class Counted(ABC):
    """One definition, and those whom it is compared for."""

    area: ClassVar[str]
    _left: ClassVar[str]

    def __init__(self, definition: Any, sighted: Sighted) -> None:
        self.name: str = definition.name
        self.sighted = sighted
        self._definition = definition

    @property
    @abstractmethod
    def counts_others(self) -> bool:
        """Whether something can be told of those who were there before."""

    @property
    def units(self) -> Sequence[str]:
        """Whom it is compared for."""
        its = self.sighted
        return its.units if self.counts_others else sorted(its.whole)

    @property
    def reason(self) -> str:
        """What is left out of it."""
        its = self.sighted
        if not self.counts_others:
            return its.new_only
        return f"of {its.noun} who are not new {self._left}, since {its.read_from:%F}"

    @abstractmethod
    def cells_of(self, unit: str) -> Iterator[tuple[Cohort, list[Cell]]]:
        """Give the cohorts of a unit that are known, and the cells it counts in."""

    @abstractmethod
    def is_known(self, unit: str, cohort: Cohort) -> bool:
        """Whether all that a unit counts in there can be told from what was read."""

    def told(self, unit: str, cells: Iterable[Cell]) -> list[Cell]:
        """Give of some cells what can be told of a unit, in order."""
        return sorted(cells)

    def certain(self, unit: str, cells: Iterable[Cell]) -> Iterable[Cell]:
        """Give those of the recomputed cells that the marts must count the unit in."""
        return cells

    @abstractmethod
    def least(
        self, cohort: Cohort, share: Mapping[Cell, int]
    ) -> Iterator[tuple[str, dict[str, object]]]:
        """Give what the mart counts at least; None while it is open."""

    @abstractmethod
    def of_mart(
        self, connection: duckdb.DuckDBPyConnection, first: datetime
    ) -> Iterator[tuple[Cohort, str, Counts]]:
        """Read the mart's counts of cohorts since a start."""


class CountedGrid(Counted):
    """A retention grid; of recurring cohorts those are known that began since."""

    area = "retention"
    _left = "only cohorts"
    _definition: DeclaredRetention

    def __init__(self, definition: DeclaredRetention, sighted: Sighted) -> None:
        super().__init__(definition, sighted)
        self._rules = {part.name: part.rules for part in definition.dimensions}
        # Of `at: [1, 7]` the periods between are counted too, and shown nowhere.
        buckets = [first for one in self._rules.values() for first, _ in one.buckets]
        self._declared = {0, *buckets}

    @property
    def counts_others(self) -> bool:
        """Who came in a period is told by that period alone."""
        return all(one.entry == "recurring" for one in self._rules.values())

    def cells_of(self, unit: str) -> Iterator[tuple[Cohort, list[Cell]]]:
        """Give every cohort of a unit, by dimension."""
        for part in self._definition.dimensions:
            told = members_of(
                self.sighted.sightings_of(part.targets, unit),
                self.sighted.sightings_of(part.returns, unit),
                part.rules,
                self.sighted.watermark,
            )
            for entry, cells in told.items():
                cohort = (part.name, entry.value, entry.cohort_start)
                if self.is_known(unit, cohort):
                    yield cohort, list(cells)

    def is_known(self, unit: str, cohort: Cohort) -> bool:
        """Whether the period of a cohort lies in what was read, or nothing before."""
        dimension, _, start = cohort
        rules = self._rules[dimension]
        begun = local_time(self.sighted.read_from, rules.zone)
        return unit in self.sighted.whole or bool(start >= begun)

    def told(self, unit: str, cells: Iterable[Cell]) -> list[Cell]:
        """Give the declared cells."""
        return sorted(self._declared.intersection(cells))

    def least(
        self, cohort: Cohort, share: Mapping[Cell, int]
    ) -> Iterator[tuple[str, dict[str, object]]]:
        """Give size and returned of every cell."""
        dimension, _, start = cohort
        rules = self._rules[dimension]
        watermark = self.sighted.watermark
        if start < local_time(watermark, rules.zone):
            for number, last in ((0, 0), *rules.buckets):
                is_over = closes_at(start, last, rules) <= watermark
                returned = share[number] if is_over else None
                size = share[0]
                yield (
                    f", cell {number}",
                    {"cohort_size": size, "returned_count": returned},
                )

    def of_mart(
        self, connection: duckdb.DuckDBPyConnection, first: datetime
    ) -> Iterator[tuple[Cohort, str, Counts]]:
        """Read the cells of `fct_retention`."""
        rows = connection.execute(
            "select dimension, dimension_value, cohort_start, period_number, "
            "cohort_size, returned_count from marts.fct_retention "
            "where retention_name = ? and cohort_start >= ?",
            [self.name, first],
        ).fetchall()
        for *cohort, number, size, returned in rows:
            counts = {"cohort_size": (0, size), "returned_count": (number, returned)}
            yield tuple(cohort), f", cell {number}", counts


class CountedLifecycle(Counted):
    """A lifecycle; of who was there before, whether new or back is not known."""

    area = "lifecycle"
    counts_others = True
    _left = "not whether new or resurrecting"
    _definition: DeclaredLifecycle

    def cells_of(self, unit: str) -> Iterator[tuple[Cohort, list[Cell]]]:
        """Give the statuses of a unit by period; who is not dormant is active too."""
        its = self._definition
        seen = self.sighted.sightings_of(its.active, unit)
        times = {local_time(one.at, its.zone) for one in seen}
        for period in its.periods:
            active = {start_of(period, at, its.week_start) for at in times}
            for start, status in statuses_of(active, period).items():
                if self.is_known(unit, (period, start)):
                    others = [] if status == "dormant" else ["active"]
                    yield (period, start), [*others, status]

    def is_known(self, unit: str, cohort: Cohort) -> bool:
        """Whether the period before was read too, or nothing lies before."""
        period, start = cohort
        begun = local_time(self.sighted.read_from, self._definition.zone)
        before = start - timedelta(days=1) if period != "hour" else start
        previous = start_of(period, before, self._definition.week_start)
        return unit in self.sighted.whole or bool(previous >= begun)

    def told(self, unit: str, cells: Iterable[Cell]) -> list[Cell]:
        """Give the statuses; of who was there before, one for both ways to begin."""
        if unit in self.sighted.whole:
            return sorted(cells)
        begun = ("new", "resurrecting")
        return sorted("new or back" if one in begun else one for one in cells)

    def certain(self, unit: str, cells: Iterable[Cell]) -> Iterable[Cell]:
        """Leave out what cannot be told."""
        told = set(self.told(unit, cells))
        return [one for one in cells if one in told]

    def least(
        self, cohort: Cohort, share: Mapping[Cell, int]
    ) -> Iterator[tuple[str, dict[str, object]]]:
        """Give the count of each status; who is dormant only when a period is over."""
        period, start = cohort
        now = local_time(self.sighted.watermark, self._definition.zone)
        is_over = next_start(period, start) <= now
        if start < now:
            yield (
                "",
                {
                    f"{one}_count": share[one] if one != "dormant" or is_over else None
                    for one in STATUSES
                },
            )

    def of_mart(
        self, connection: duckdb.DuckDBPyConnection, first: datetime
    ) -> Iterator[tuple[Cohort, str, Counts]]:
        """Read the periods of `fct_lifecycle`."""
        columns = ", ".join(f"{status}_count" for status in STATUSES)
        rows = connection.execute(
            f"select period, period_start, {columns} from marts.fct_lifecycle "
            "where lifecycle_name = ? and period_start >= ?",
            [self.name, first],
        ).fetchall()
        for period, start, *counts in rows:
            told = zip(STATUSES, counts, strict=True)
            yield (period, start), "", {f"{one}_count": (one, n) for one, n in told}
