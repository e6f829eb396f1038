"""Retention and the value of cohorts, counted event by event in plain Python.

Belongs here: definitions with predicates in place of expressions, and sums over units.
Not here: cohorts and returns of one unit, which the second engine tells. It shares
nothing with the SQL: no rollup, no window functions. An event is a mapping with
`event_id`, `event_name`, `occurred_at` (UTC, without zone), `user_id` and whatever the
predicates of a definition look at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from dagster_project.analysis.reconciliation.periods import next_start
from dagster_project.analysis.reconciliation.retention import (
    Entry,
    RetentionRules,
    Sighting,
    closes_at,
    distance,
    entries_of,
    members_of,
)

Event = Mapping[str, Any]
Predicate = Callable[[Event], bool]
ValueOf = Callable[[Event], Any]
Cell = tuple[str, str, datetime, int]


def everything(_: Event) -> bool:
    return True


@cache
def local_time(moment: datetime, zone: str) -> datetime:
    """Give the wall-clock time of a zone at a UTC moment."""
    aware = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    return aware.replace(tzinfo=None)


def utc_time(wall_clock: datetime, zone: str) -> datetime:
    """Give the UTC moment at which a zone's clock shows a time."""
    aware = wall_clock.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return aware.replace(tzinfo=None)


@dataclass(frozen=True)
class Retention:
    """A retention definition with predicates in place of expressions."""

    target_names: frozenset[str]
    target_where: Predicate = everything
    returning: Predicate = everything
    where: Predicate = everything
    unit: Callable[[Event], str | None] = lambda event: event["user_id"]
    entry: str = "first_time"
    type: str = "classic"
    period: str = "week"
    buckets: tuple[tuple[int, int], ...] = ()
    min_occurrences: int = 1
    clock: str = "calendar"
    timezone: str = "UTC"
    week_start: str = "monday"
    dimensions: Mapping[str, tuple[ValueOf, str]] = field(default_factory=dict)

    def rules(self, matches_value: bool) -> RetentionRules:
        """Give the parameters as the second engine takes them."""
        return RetentionRules(
            entry=self.entry,
            type=self.type,
            period=self.period,
            buckets=self.buckets,
            min_occurrences=self.min_occurrences,
            clock=self.clock,
            zone=ZoneInfo(self.timezone),
            week_start=self.week_start,
            matches_value=matches_value,
        )

    def parts(self) -> dict[str, tuple[ValueOf, str]]:
        """Give all dimensions, the total first."""
        return {"all": (lambda event: "all", "start"), **self.dimensions}

    def by_unit(self, events: Sequence[Event]) -> dict[str, list[Event]]:
        """Give the events of each unit that the definition may take."""
        found: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            unit = self.unit(event)
            if unit is not None and self.where(event):
                found[unit].append(event)
        return found

    def targets(self, events: Sequence[Event], value_of: ValueOf) -> list[Sighting]:
        """Give what may be an entry: with first_ever, also what then is none."""
        return [
            _sighting(event, value_of, is_match=self.target_where(event))
            for event in events
            if event["event_name"] in self.target_names
            and (self.entry == "first_ever" or self.target_where(event))
        ]

    def returns(self, events: Sequence[Event], value_of: ValueOf) -> list[Sighting]:
        """Give what is a return."""
        return [_sighting(one, value_of) for one in events if self.returning(one)]


def _sighting(event: Event, value_of: ValueOf, is_match: bool = True) -> Sighting:
    value = value_of(event)
    return Sighting(
        event["occurred_at"],
        event["event_id"],
        is_match,
        "(none)" if value is None else value,
    )


def retention_cells(
    definition: Retention, events: Sequence[Event], watermark: datetime
) -> dict[Cell, tuple[int, int | None]]:
    """Give (cohort size, returned or None while open) by cell.

    A cell is (dimension, value, start of the cohort, first period of the bucket).
    """
    cells: dict[Cell, tuple[int, int | None]] = {}
    for dimension, (value_of, on) in definition.parts().items():
        rules = definition.rules(on == "both")
        cohorts: dict[tuple[str, datetime], list[list[int]]] = defaultdict(list)
        for its in definition.by_unit(events).values():
            targets = definition.targets(its, value_of)
            returns = definition.returns(its, value_of)
            for entry, back in members_of(targets, returns, rules, watermark).items():
                cohorts[entry.value, entry.cohort_start].append(back)
        if dimension == "all":
            cohorts |= {
                key: [] for key in _spine(definition, cohorts, watermark) - {*cohorts}
            }
        for (value, start), members in cohorts.items():
            if start >= local_time(watermark, definition.timezone):
                continue
            for first, last in ((0, 0), *definition.buckets):
                back_count = sum(first in back for back in members)
                mature = closes_at(start, last, rules) <= watermark
                cells[dimension, value, start, first] = (
                    len(members),
                    back_count if mature else None,
                )
    return cells


def _spine(
    definition: Retention,
    cohorts: Mapping[tuple[str, datetime], Any],
    watermark: datetime,
) -> set[tuple[str, datetime]]:
    """Give all cohorts from the first to the watermark, quiet ones too."""
    found = set()
    start = min((start for _, start in cohorts), default=None)
    while start is not None and start < local_time(watermark, definition.timezone):
        found.add(("all", start))
        start = next_start(definition.period, start)
    return found


def cohort_values(
    definition: Retention, events: Sequence[Event], watermark: datetime, last: int
) -> dict[Cell, tuple[int, Decimal | None, int | None]]:
    """Give (cohort size, revenue so far, payers so far) by cell, None while open."""
    cells: dict[Cell, tuple[int, Decimal | None, int | None]] = {}
    for dimension, (value_of, _) in definition.parts().items():
        rules = definition.rules(matches_value=False)
        cohorts: dict[tuple[str, datetime], list[tuple[Entry, list[Event]]]]
        cohorts = defaultdict(list)
        for its in definition.by_unit(events).values():
            for entry in entries_of(definition.targets(its, value_of), rules):
                cohorts[entry.value, entry.cohort_start].append((entry, its))
        for (value, start), members in cohorts.items():
            if start >= local_time(watermark, definition.timezone):
                continue
            for number in range(last + 1):
                days = [
                    _days_of_value(definition, rules, entry, its, number)
                    for entry, its in members
                ]
                worth = sum((sum(by_day.values()) for by_day in days), Decimal(0))
                payers = sum(any(paid > 0 for paid in one.values()) for one in days)
                mature = closes_at(start, number, rules) <= watermark
                cells[dimension, value, start, number] = (
                    len(members),
                    worth if mature else None,
                    payers if mature else None,
                )
    return cells


def _days_of_value(
    definition: Retention,
    rules: RetentionRules,
    entry: Entry,
    events: Sequence[Event],
    last: int,
) -> dict[date, Decimal]:
    """Give the value of each local day of a member, up to a period after the start."""
    days: dict[date, Decimal] = {}
    for event in events:
        if (
            definition.returning(event)
            and 0 <= distance(entry, event["occurred_at"], rules) <= last
        ):
            day = local_time(event["occurred_at"], definition.timezone).date()
            days[day] = days.get(day, Decimal(0)) + Decimal(event["revenue"] or 0)
    return days
