"""Answers to worked cases, by brute force from their JSON alone.

Belongs here: what the README of the cases says, read literally: filters, units, cells.
Not here: cases (`case_variations`), the catalog and the marts. Nothing of the models is
used, and nothing of what turns a case into a catalog.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dagster_project.analysis.reconciliation.periods import (
    LENGTHS,
    next_start,
    periods_between,
    periods_later,
    start_of,
)

Case = dict[str, Any]
Event = dict[str, Any]
INSTANT = timedelta(microseconds=1)


def text_of(value: Any) -> str | None:
    """Give a value of JSON as text."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


class CaseLog:
    """The events of a case in the total order, each with its person and traits."""

    def __init__(self, case: Case) -> None:
        self.params = case["params"]
        self.zone = ZoneInfo(self.params.get("timezone") or "UTC")
        self.week_start = self.params.get("week_start") or "monday"
        owners = {
            one: person for person in case["persons"] for one in person["distinct_ids"]
        }
        events = []
        for place, event in enumerate(case["events"]):
            owner = owners.get(event["distinct_id"]) or {}
            at = datetime.fromisoformat(event["timestamp"]).astimezone(UTC)
            events.append(
                {
                    **event,
                    "place": place,
                    "at": at.replace(tzinfo=None),
                    "person": owner.get("person_id") or f"P_{event['distinct_id']}",
                    "traits": owner.get("properties") or {},
                }
            )
        where = self.params.get("where") or []
        self.events: list[Event] = sorted(
            (event for event in events if all(self.holds(one, event) for one in where)),
            key=lambda event: (event["at"], event["place"]),
        )

    def local(self, event: Event) -> datetime:
        at: datetime = event["at"].replace(tzinfo=UTC)
        return at.astimezone(self.zone).replace(tzinfo=None)

    def period(self, event: Event, period: str) -> datetime:
        return start_of(period, self.local(event), self.week_start)

    def unit(self, event: Event) -> str | None:
        by = self.params.get("aggregate_by") or "person"
        if by.startswith("property:"):
            return text_of(event["properties"].get(by.removeprefix("property:")))
        return str(event[by])

    def units(self) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            unit = self.unit(event)
            if unit is not None:
                found[unit].append(event)
        return found

    def is_step(self, step: dict[str, Any], event: Event) -> bool:
        """Say whether an event is one of those a step, target or return accepts."""
        is_any = any(
            part["event"] in (None, event["event"])
            and all(self.holds(one, event) for one in part.get("where") or [])
            for part in step["any_of"]
        )
        return is_any and all(self.holds(one, event) for one in step.get("where") or [])

    def holds(self, one: dict[str, Any], event: Event) -> bool:
        """Say whether a filter takes an event."""
        if "values" in one:
            every = all if one["type"] == "AND" else any
            return every(self.holds(inner, event) for inner in one["values"])
        if "person_id_in" in one:
            return event["person"] in one["person_id_in"]
        source = event["traits"] if one.get("type") == "person" else event["properties"]
        found, value = text_of(source.get(one["key"])), one.get("value")
        values = [text_of(v) for v in (value if isinstance(value, list) else [value])]
        operator = one.get("operator") or "exact"
        if operator in ("is_set", "is_not_set"):
            return (found is not None) == (operator == "is_set")
        if found is None:
            return operator == "is_not"
        tests: dict[str, Callable[[], bool]] = {
            "exact": lambda: found in values,
            "is_not": lambda: found not in values,
            "icontains": lambda: str(values[0]).lower() in found.lower(),
            "not_icontains": lambda: str(values[0]).lower() not in found.lower(),
            "regex": lambda: re.search(str(values[0]), found) is not None,
            "gt": lambda: number_of(found) > float(str(value)),
            "lt": lambda: number_of(found) < float(str(value)),
        }
        return tests[operator]()


def number_of(text: str) -> float:
    """Give a text as a number; what is none compares with nothing."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def answer(case: Case) -> dict[str, Any]:
    """Give what a case of one of these kinds expects."""
    return {
        "retention": retention,
        "retention_average": retention_average,
        "retention_clock": retention_clock,
        "lifecycle": lifecycle,
        "stickiness": stickiness,
        "active_users": active_users,
    }[case["kind"]](CaseLog(case))


def retention(log: CaseLog) -> dict[str, Any]:
    starts = cohort_starts(log)
    members = list(members_of(log))
    breakdown = log.params.get("breakdown")
    if not breakdown:
        return {"counts": triangle(log, starts, members)}
    values = {value for value, *_ in members}
    return {
        "breakdowns": [
            {
                "value": list(value) if len(value) > 1 else value[0],
                "counts": triangle(log, starts, [m for m in members if m[0] == value]),
            }
            for value in sorted(values)
        ]
    }


def cohort_starts(log: CaseLog) -> list[datetime]:
    count = log.params.get("intervals") or log.params["n_periods"]
    start = datetime.fromisoformat(log.params["cohort_start"])
    period = log.params["period"].lower()
    return [periods_later(period, start, n) for n in range(count)]


Member = tuple[tuple[str, ...], datetime, set[int]]


def triangle(
    log: CaseLog, starts: Sequence[datetime], members: Sequence[Member]
) -> list[list[int]]:
    return [
        [
            sum(start == begun and (k == 0 or k in back) for _, begun, back in members)
            for k in range(len(starts) - row)
        ]
        for row, start in enumerate(starts)
    ]


def members_of(log: CaseLog) -> Iterator[Member]:
    """Give value and start of each membership, and the periods of coming back."""
    params = log.params
    period, kind = params["period"].lower(), params["type"]
    names = {part["event"] for part in params["target"]["any_of"]}
    # A triangle ends with its last cohort, an average with what is known.
    is_triangle = "as_of" not in params
    end = next_start(period, cohort_starts(log)[-1]) if is_triangle else datetime.max
    for events in log.units().values():
        begun: dict[datetime, Event] = {}
        for event in events:
            is_entry = log.is_step(params["target"], event)
            has_name = None in names or event["event"] in names
            if not is_entry and not (kind == "first_ever" and has_name):
                continue
            if kind == "recurring" or not begun:
                begun.setdefault(log.period(event, period), event if is_entry else {})
        for start, entry in begun.items():
            if entry:
                yield (
                    value_of(log, entry),
                    start,
                    periods_back(log, events, start, end),
                )


def periods_back(
    log: CaseLog, events: Sequence[Event], start: datetime, end: datetime
) -> set[int]:
    params = log.params
    period = params["period"].lower()
    counts: dict[int, int] = defaultdict(int)
    for event in events:
        there = log.period(event, period)
        if log.is_step(params["returning"], event) and start < there < end:
            counts[periods_between(period, start, there)] += 1
    least = params.get("min_occurrences") or 1
    enough = {number for number, count in counts.items() if count >= least}
    if params.get("criteria") == "on_or_after":
        return set(range(1, max(enough, default=0) + 1))
    return enough


def value_of(log: CaseLog, event: Event) -> tuple[str, ...]:
    breakdown = log.params.get("breakdown")
    if not breakdown:
        return ("",)
    source = event["traits" if breakdown["type"] == "person" else "properties"]
    keys = breakdown.get("keys") or [breakdown["key"]]
    return tuple(text_of(source.get(key)) or "" for key in keys)


def retention_average(log: CaseLog) -> dict[str, Any]:
    """Sums of returned over sums of sizes, of cells that have closed by ``as_of``."""
    params = log.params
    as_of = datetime.fromisoformat(params["as_of"])
    period = params["period"].lower()
    count = len(cohort_starts(log))
    cohorts: dict[datetime, list[set[int]]] = defaultdict(list)
    for _, start, back in members_of(log):
        cohorts[start].append(back)
    average: list[float | None] = []
    for k in range(count):
        closed = [
            members
            for start, members in cohorts.items()
            if periods_later(period, start, k + 1) <= as_of
        ]
        size = sum(map(len, closed))
        returned = sum(k == 0 or k in back for members in closed for back in members)
        average.append(returned / size if size else None)
    return {"average": average}


def retention_clock(log: CaseLog) -> dict[str, Any]:
    params = log.params
    unit, k = params["unit"], params["k"]
    [birth, *_] = [e for e in log.events if e["event"] == params["birth"]]
    back = [e for e in log.events if e["event"] == params["return"]]
    if params["clock"] == "calendar":
        start = log.period(birth, unit)
        numbers = {periods_between(unit, start, log.period(e, unit)) for e in back}
    else:
        began = birth["at"]
        if params["clock"] != "rolling":
            wall_clock = log.local(birth)
            began -= wall_clock - start_of("hour", wall_clock)
        numbers = {(e["at"] - began) // LENGTHS[unit] for e in back}
    return {"retained": k in numbers}


def lifecycle(log: CaseLog) -> dict[str, Any]:
    period = log.params["period"]
    active = active_periods(log, period)
    first, last = range_of(log, period)
    starts = spine(period, first, last)
    found: dict[str, list[int]] = defaultdict(list)
    for start in starts:
        previous = start_of(period, start - INSTANT, log.week_start)
        was = [previous in its for its in active]
        now = [start in its for its in active]
        is_first = [bool(its) and min(its) == start for its in active]
        told = list(zip(now, was, is_first, strict=True))
        found["new"].append(sum(f for _, _, f in told))
        found["returning"].append(sum(n and w for n, w, _ in told))
        found["resurrecting"].append(sum(n and not w and not f for n, w, f in told))
        found["dormant"].append(sum(w and not n for n, w, _ in told))
    return {"periods": [start.isoformat() for start in starts], **found}


def stickiness(log: CaseLog) -> dict[str, Any]:
    period = log.params["period"]
    first, last = range_of(log, period)
    starts = set(spine(period, first, last))
    counts = [len(its & starts) for its in active_periods(log, period, in_range=True)]
    size = len(starts)
    if log.params.get("cumulative"):
        return {"data": [sum(n >= k for n in counts) for k in range(1, size + 1)]}
    data = [counts.count(k) for k in range(1, size + 1)]
    return {"data": data, "count": sum(data)}


def active_users(log: CaseLog) -> dict[str, Any]:
    width = timedelta(days=log.params["window_days"])
    first, last = range_of(log, "day")
    active = active_periods(log, "day")
    return {
        "data": [
            sum(any(day - width < one <= day for one in its) for its in active)
            for day in spine("day", first, last)
        ]
    }


def active_periods(
    log: CaseLog, period: str, in_range: bool = False
) -> list[set[datetime]]:
    """Give the periods in which each unit did what is counted."""
    bounds = [instant(log.params[key]) for key in ("date_from", "date_to")]
    return [
        {
            log.period(event, period)
            for event in events
            if log.is_step(log.params["event"], event)
            and (not in_range or bounds[0] <= event["at"] <= bounds[1])
        }
        for events in log.units().values()
    ]


def range_of(log: CaseLog, period: str) -> tuple[datetime, datetime]:
    """Give the first and the last period of a range."""
    texts = (log.params["date_from"], log.params["date_to"])
    if len(texts[0]) == len("2020-01-09"):
        first, last = map(datetime.fromisoformat, texts)
        return first, last
    moments = [log.period({"at": instant(text)}, period) for text in texts]
    return moments[0], moments[1]


def instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def spine(period: str, first: datetime, last: datetime) -> list[datetime]:
    """Give the starts of periods from one to another, both included."""
    starts = [first]
    while starts[-1] < last:
        starts.append(next_start(period, starts[-1]))
    return starts
