"""More cases of the given kinds: every parameter their README names, other values.

Belongs here: random cases in the README's shape, with brute force's answers
(`case_answers`). Not here: the catalog they become, and the marts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from dagster_project.analysis.reconciliation.periods import (
    LENGTHS,
    WEEKDAYS,
    start_of,
)
from tests.dbt_project.case_answers import Case, answer

ZONES = ("UTC", "US/Pacific", "Asia/Kathmandu", "Europe/Berlin", None)
# Clocks change on the 8th (America) and the 29th (Europe).
START = datetime(2020, 3, 2)
# Hours have closed, some days and no month.
AS_OF = "2020-03-07"
NAMES = ("view", "view", "it's", "$paid")


def varied_cases(kind: str, seed: int, count: int) -> Iterator[Case]:
    """Give random cases of a kind."""
    for number in range(count):
        draw = random.Random(f"{kind} {seed} {number}")
        period = draw.choice(("hour", "day", "week", "month"))
        case: Case = {
            "id": f"varied_{kind}_{seed}_{number}",
            "kind": kind,
            "persons": list(persons(draw)),
            "params": OF_KIND[kind](draw, period),
        }
        unit = case["params"].get("period") or case["params"].get("unit") or "day"
        case["events"] = events(draw, case, unit.lower())
        case["expected"] = answer(case)
        yield case


def persons(draw: random.Random) -> Iterator[dict[str, Any]]:
    """Some have two ids, some a trait; two ids have no person."""
    for number in range(5):
        traits = {"country": draw.choice(("DE", "UK", None)), "age": draw.randrange(90)}
        yield {
            "person_id": f"P_p{number}",
            "distinct_ids": [f"p{number}", *([f"q{number}"] if number % 2 else [])],
            "properties": {k: v for k, v in traits.items() if v is not None},
            "created_at": "2019-01-01T00:00:00.000000Z",
        }


def events(draw: random.Random, case: Case, period: str) -> list[dict[str, Any]]:
    ids = [one for person in case["persons"] for one in person["distinct_ids"]]
    # A clock tells of one person.
    ids = ["p0"] if case["kind"] == "retention_clock" else [*ids, "lonely"]
    found = []
    for number in range(draw.randrange(20, 60)):
        length = LENGTHS[period].total_seconds()
        seconds = draw.choice((0, 0.000001, 0.5, draw.random())) * length
        at = START + timedelta(seconds=length * draw.randrange(-3, 9) + seconds)
        properties = {
            "a": draw.choice(("x", "y", "Xyz", 5, 7.5, True, None)),
            "b": draw.choice(("1", "20", "no number", None)),
            "org": draw.choice(("o1", "o2", None)),
        }
        found.append(
            {
                "event_id": f"e{number}",
                "distinct_id": draw.choice(ids),
                "event": draw.choice(NAMES),
                "timestamp": at.isoformat(timespec="microseconds") + "Z",
                "properties": {k: v for k, v in properties.items() if v is not None},
            }
        )
    if case["kind"] == "retention_clock":
        found[0] = found[0] | {"event": "birth"}
        found = [found[0], *(e | {"event": "back"} for e in found[1:4])]
    return found


def a_filter(draw: random.Random, depth: int = 0) -> dict[str, Any]:
    if depth == 0 and draw.random() < 0.2:
        parts = [a_filter(draw, 1) for _ in range(2)]
        return {"type": draw.choice(("AND", "OR")), "values": parts}
    if draw.random() < 0.1:
        return {"person_id_in": ["P_p0", "P_p1", "P_p4"]}
    of_person = draw.random() < 0.3
    operator, values = draw.choice(
        (
            ("exact", ("x", ["x", "y"], True, 5)),
            ("is_not", ("x", ["y", "5"])),
            ("icontains", ("X", "yz")),
            ("not_icontains", ("X",)),
            ("is_set", (None,)),
            ("is_not_set", (None,)),
            ("regex", ("^[xX]", "[0-9]")),
            ("gt", (3, 6.5)),
            ("lt", (3, 21)),
        )
    )
    key = draw.choice(("country", "age")) if of_person else draw.choice(("a", "b"))
    value = draw.choice(values)
    if of_person and operator in ("exact", "is_not"):
        value = draw.choice(("DE", ["DE", "UK"]))
    found = {"key": key, "value": value, "type": "person" if of_person else "event"}
    return found | ({} if operator == "exact" else {"operator": operator})


def filters(draw: random.Random) -> list[dict[str, Any]]:
    return [a_filter(draw)] if draw.random() < 0.15 else []


def a_step(draw: random.Random) -> dict[str, Any]:
    names = draw.sample(NAMES, draw.choice((1, 2, 2)))
    if draw.random() < 0.15:
        return {"name": "any", "any_of": [{"event": None}], "where": filters(draw)}
    parts = [{"event": name, "where": filters(draw)} for name in names]
    return {"name": names[0], "any_of": parts, "where": filters(draw)}


def common(draw: random.Random) -> dict[str, Any]:
    """Give what every kind takes."""
    return {
        "timezone": draw.choice(ZONES),
        "week_start": draw.choice((*WEEKDAYS, None)),
        "where": filters(draw),
        "aggregate_by": draw.choice(
            ("person", "person", "distinct_id", "property:org")
        ),
    }


def _retention(draw: random.Random, period: str) -> dict[str, Any]:
    week_start = draw.choice(WEEKDAYS)
    params = common(draw) | {
        "period": draw.choice((period, period.capitalize())),
        "type": draw.choice(("recurring", "first_time", "first_ever")),
        "target": a_step(draw),
        "returning": a_step(draw),
        "min_occurrences": draw.choice((None, 1, 2)),
        "criteria": draw.choice((None, "on", "on_or_after")),
        draw.choice(("intervals", "n_periods")): draw.choice((2, 6, 9)),
        "cohort_start": start_of(period, START, week_start).isoformat(),
        "week_start": week_start,
    }
    if draw.random() < 0.4:
        params["breakdown"] = draw.choice(
            (
                {"type": "person", "key": "country"},
                {"type": "event", "key": "a"},
                {"type": "event", "keys": ["a", "b"]},
                {"type": "person", "keys": ["country"]},
            )
        )
    return params


def _average(draw: random.Random, period: str) -> dict[str, Any]:
    params = _retention(draw, "day" if period == "month" else period)
    params.pop("breakdown", None)
    return params | {
        "as_of": AS_OF,
        "timezone": "UTC",
        "criteria": "on",
    }


def _clock(draw: random.Random, period: str) -> dict[str, Any]:
    return {
        "birth": "birth",
        "return": "back",
        "unit": period,
        "k": draw.randrange(1, 4),
        "clock": draw.choice(("calendar", "rolling", "hour_floored")),
        "timezone": draw.choice(ZONES),
    }


def _lifecycle(draw: random.Random, period: str) -> dict[str, Any]:
    return common(draw) | {"period": period, "event": a_step(draw)} | a_range(period)


def a_range(period: str) -> dict[str, str]:
    last = START + 7 * LENGTHS[period]
    return {
        "date_from": f"{START.isoformat()}.000000Z",
        "date_to": f"{last.isoformat()}.999999Z",
    }


def _stickiness(draw: random.Random, period: str) -> dict[str, Any]:
    params = _lifecycle(draw, period)
    return params | ({"cumulative": True} if draw.random() < 0.3 else {})


def _active(draw: random.Random, period: str) -> dict[str, Any]:
    return common(draw) | {
        "event": a_step(draw),
        "window_days": draw.choice((1, 2, 7, 30)),
        "date_from": "2020-02-28",
        "date_to": "2020-03-16",
    }


OF_KIND = {
    "retention": _retention,
    "retention_average": _average,
    "retention_clock": _clock,
    "lifecycle": _lifecycle,
    "stickiness": _stickiness,
    "active_users": _active,
}
