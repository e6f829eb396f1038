"""Worked cases of retention, lifecycle and stickiness as a catalog.

Belongs here: from a case's parameters to `retention.yml`, `segments.yml` and
`metrics.yml`. Not here: its events as rows, and filters (`funnel_cases`); building, and
comparing with what is expected (`test_cohort_cases`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dagster_project.analysis.reconciliation.periods import (
    next_start,
    periods_later,
    start_of,
)
from tests.dbt_project.cohort_oracle import utc_time
from tests.dbt_project.funnel_cases import (
    Case,
    all_of,
    dump,
    funnel_name,
    local,
    moment,
    property_sql,
)

Declared = dict[str, Any]

LISTS = {
    "retention": "retention",
    "retention_clock": "retention",
    "retention_average": "retention",
    "lifecycle": "lifecycle",
    "stickiness": "stickiness",
    "active_users": "stickiness",
}


def write_catalog(folder: Path, cases: Sequence[Case]) -> None:
    """Write the catalog of a night: every case a definition, filtered to its events."""
    lists: dict[str, list[Declared]] = {name: [] for name in LISTS.values()}
    for number, case in enumerate(cases):
        lists[LISTS[case["kind"]]].append(declared_case(case, number))
    names = {event["event"] for case in cases for event in case["events"]}
    for declared in (one for listed in lists.values() for one in listed):
        for part in ("target", "returning", "activity"):
            names |= set(declared.get(part, {}).get("event", ())) - {"*"}
    events = [{"name": name, "description": "Of a case."} for name in sorted(names)]
    dump(folder / "events.yml", {"policy": "allow", "events": events})
    dump(folder / "metrics.yml", {"metrics": []})
    dump(folder / "retention.yml", {"retention": lists.pop("retention")})
    dump(folder / "segments.yml", lists)


def declared_case(case: Case, number: int) -> Declared:
    """Give a case's parameters as the catalog says them."""
    params = case["params"]
    conditions = [f"utm_campaign = '{funnel_name(number)}'"]
    if params.get("where"):
        conditions.append(all_of(params["where"], number))
    declared: Declared = {
        "name": funnel_name(number),
        "description": case["id"],
        "where": " and ".join(conditions),
        "timezone": params.get("timezone") or "UTC",
        "week_start": params.get("week_start") or "monday",
        **declared_unit(params.get("aggregate_by") or "person"),
    }
    of_kind = {
        "retention": declared_grid,
        "retention_clock": declared_clock,
        "retention_average": declared_grid,
        "lifecycle": declared_lifecycle,
        "stickiness": declared_stickiness,
        "active_users": declared_active_users,
    }[case["kind"]]
    return declared | of_kind(params, number)


def with_events(case: Case) -> Case:
    """Give a case that carries cohorts as one whose events make them.

    A row of ``cohorts`` has a start, a size, and how many were back in each period, the
    start's own first if it is the size.
    """
    if not case.get("cohorts"):
        return case
    period = (case["params"].get("period") or "day").lower()
    zone = case["params"].get("timezone") or "UTC"
    events: list[Declared] = []
    longest = 0
    for number, row in enumerate(case["cohorts"]):
        start = datetime.fromisoformat(str(one_of(row, STARTS))).replace(tzinfo=None)
        back = list(one_of(row, RETURNED))
        size = next((int(row[name]) for name in SIZES if name in row), back[0])
        back = back[1:] if back[:1] == [size] else back
        longest = max(longest, len(back))
        for place, count in enumerate([size, *back]):
            at = utc_time(periods_later(period, start, place), zone)
            for member in range(count or 0):
                name = "returned" if place else "entered"
                events.append(
                    {
                        "distinct_id": f"{number}-{member}",
                        "event": name,
                        "timestamp": f"{at.isoformat()}Z",
                        "properties": {},
                    }
                )
    grid = {"type": "first_time", "period": period, "n_periods": longest + 1}
    for part, name in (("target", "entered"), ("returning", "returned")):
        grid[part] = {"name": name, "any_of": [{"event": name}], "where": []}
    return {
        **case,
        "params": grid | case["params"],
        "persons": [],
        "events": events,
    }


STARTS = ("cohort_start", "start", "cohort", "date", "period")
SIZES = ("cohort_size", "size", "persons", "users", "n")
RETURNED = ("returned", "retained", "counts", "values", "cells")


def one_of(row: Declared, names: Sequence[str]) -> Any:
    """Give what a row has under one of several names."""
    [found] = [row[name] for name in names if name in row]
    return found


def as_of(case: Case) -> datetime | None:
    """Give the instant (UTC) up to which a case is told, None where it says none."""
    told = case["params"].get("as_of")
    if not told:
        return None
    if "T" in told and datetime.fromisoformat(told).tzinfo:
        return moment(told)
    return utc_time(
        datetime.fromisoformat(told), case["params"].get("timezone") or "UTC"
    )


def declared_grid(params: dict[str, Any], number: int) -> Declared:
    returning = declared_step(params["returning"], number)
    if params.get("criteria") == "on_or_after":
        # Peers count what lies in the range of the report alone.
        returning["where"] = both(returning.get("where"), before(end_of_grid(params)))
    declared: Declared = {
        "target": declared_step(params["target"], number),
        "returning": returning,
        "entry": params["type"],
        "type": "unbounded" if params.get("criteria") == "on_or_after" else "classic",
        "period": params["period"].lower(),
        "periods": max(count_of_periods(params) - 1, 1),
        "min_occurrences": params.get("min_occurrences") or 1,
    }
    if params.get("breakdown"):
        function = "person_property" if is_of_person(params) else "property"
        keys = params["breakdown"].get("keys") or [params["breakdown"]["key"]]
        parts = [f"{function}('{key}')" for key in keys]
        if len(parts) > 1:
            parts = [f"coalesce({part}, '')" for part in parts]
        declared["breakdowns"] = [{"name": "value", "sql": " || '::' || ".join(parts)}]
    return declared


def count_of_periods(params: dict[str, Any]) -> int:
    """Give the number of cells of the first cohort, the cohort's own among them."""
    return int(params.get("intervals") or params["n_periods"])


def is_of_person(params: dict[str, Any]) -> bool:
    return bool(params["breakdown"]["type"] == "person")


def end_of_grid(params: dict[str, Any]) -> datetime:
    """Give the UTC moment at which the last period of a grid ends."""
    start = datetime.fromisoformat(params["cohort_start"])
    end = periods_later(params["period"].lower(), start, count_of_periods(params))
    return utc_time(end, params.get("timezone") or "UTC")


def declared_clock(params: dict[str, Any], _: int) -> Declared:
    clock = params["clock"]
    if "hour" in clock:
        clock = "rolling_from_hour"
    return {
        "target": {"event": [params["birth"]]},
        "returning": {"event": [params["return"]]},
        "period": params["unit"],
        "at": [params["k"]],
        "clock": clock.replace("exact", "rolling"),
    }


def declared_lifecycle(params: dict[str, Any], number: int) -> Declared:
    return {
        "activity": declared_step(params["event"], number),
        "periods": [params["period"]],
    }


def declared_stickiness(params: dict[str, Any], number: int) -> Declared:
    """Give a window that ends with the range and begins with its first interval."""
    zone = ZoneInfo(params.get("timezone") or "UTC")
    activity = declared_step(params["event"], number)
    in_range = (
        f"occurred_at >= cast('{moment(params['date_from'])}' as timestamp) and "
        f"occurred_at <= cast('{moment(params['date_to'])}' as timestamp)"
    )
    activity["where"] = both(activity.get("where"), in_range)
    start, end = window_of(params, zone)
    count = 0
    while start < end:
        start, count = next_start(params["period"], start), count + 1
    return {"activity": activity, "interval": params["period"], "last": max(count, 2)}


def window_of(params: dict[str, Any], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Give start and end of the intervals around a range, local time."""
    week_start = params.get("week_start") or "monday"
    first, last = (
        start_of(
            params["period"],
            datetime.fromisoformat(local(params[key], zone)),
            week_start,
        )
        for key in ("date_from", "date_to")
    )
    return first, next_start(params["period"], last)


def declared_active_users(params: dict[str, Any], number: int) -> Declared:
    return {
        "activity": declared_step(params["event"], number),
        "last": max(params["window_days"], 2),
    }


def declared_step(step: dict[str, Any], number: int) -> Declared:
    """Give events by names and one condition; each name may have its own."""
    parts = step["any_of"]
    names = sorted({part["event"] or "*" for part in parts})
    declared: Declared = {"event": ["*"] if "*" in names else names}
    alternatives = [of_part(part, number) for part in parts]
    where = " or ".join(f"({one})" for one in alternatives)
    common = all_of(step["where"], number) if step.get("where") else None
    if any(part.get("where") for part in parts) or common:
        declared["where"] = both(where, common)
    return declared


def of_part(part: dict[str, Any], number: int) -> str:
    name = part["event"]
    own = (
        "true"
        if name is None
        else f"event_name = '{name.replace(chr(39), chr(39) * 2)}'"
    )
    return both(own, all_of(part["where"], number) if part.get("where") else None)


def both(first: str | None, second: str | None) -> str:
    return " and ".join(f"({one})" for one in (first, second) if one)


def before(end: datetime) -> str:
    return f"occurred_at < cast('{end}' as timestamp)"


def declared_unit(aggregate_by: str) -> Declared:
    if aggregate_by == "person":
        return {}
    key = aggregate_by.removeprefix("property:")
    return {"count_by": property_sql("case_id" if key == "distinct_id" else key)}


def days_between(first: str, last: str) -> list[datetime]:
    """Give the days from one date to another, both included."""
    start, end = datetime.fromisoformat(first[:10]), datetime.fromisoformat(last[:10])
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]
