"""Worked cases of funnels as landed rows and a catalog.

Belongs here: from a case's parameters to `funnels.yml`, and from its events to rows.
Not here: building, and comparing with what is expected (`test_funnel_cases`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from tests.dbt_project.warehouse_of_test import Row

Case = dict[str, Any]

INSTANT = timedelta(microseconds=1)
FOREVER = 2_000_000_000
_FIRST_TIME = {"with_filters": "first_match", "first_ever": "first_ever"}


def read_cases(folder: Path) -> list[Case]:
    """Give all cases of a folder, in order of file name."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def funnel_name(number: int) -> str:
    """Give the name of the funnel of a case, by its number in the night."""
    return f"case_{number:04}"


def person_ids(case: Case, number: int) -> dict[str, str]:
    """Give the person of every distinct id; an id without a person is its own."""
    found = {
        one: f"{number}/{person['person_id']}"
        for person in case["persons"]
        for one in person["distinct_ids"]
    }
    for event in case["events"]:
        one = event["distinct_id"]
        found.setdefault(one, f"{number}/P_{one}")
    return found


def landed_rows(case: Case, number: int) -> Iterable[Row]:
    """Give the events of a case; the log's order is that of the ids."""
    persons = person_ids(case, number)
    traits = {
        f"{number}/{person['person_id']}": person.get("properties") or {}
        for person in case["persons"]
    }
    for index, event in enumerate(case["events"]):
        person = persons[event["distinct_id"]]
        properties = dict(event["properties"]) | {"case_id": event["distinct_id"]}
        if traits.get(person):
            properties["$set"] = traits[person]
        yield {
            "event_id": f"{number:04}-{index:05}",
            "event_name": event["event"],
            "occurred_at": moment(event["timestamp"]),
            "user_id": person,
            "utm_campaign": funnel_name(number),
            "properties": json.dumps(properties),
        }


def write_catalog(folder: Path, cases: Sequence[Case]) -> None:
    """Write the catalog of a night: every case a funnel, filtered to its events."""
    funnels = [declared_funnel(case, number) for number, case in enumerate(cases)]
    names = {event["event"] for case in cases for event in case["events"]}
    for funnel in funnels:
        for part in (*funnel["steps"], *funnel["exclusions"]):
            names |= {events["event"] for events in part["any_of"]} - {"*"}
    declared = [{"name": name, "description": "Of a case."} for name in sorted(names)]
    dump(folder / "events.yml", {"policy": "allow", "events": declared})
    dump(folder / "metrics.yml", {"metrics": []})
    dump(folder / "funnels.yml", {"funnels": funnels})


def dump(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def declared_funnel(case: Case, number: int) -> dict[str, Any]:
    """Give a case's parameters as they stand in funnels.yml."""
    params = case["params"]
    zone = ZoneInfo(params.get("timezone") or "UTC")
    mine = f"utm_campaign = '{funnel_name(number)}'"
    conditions = [mine, *(sql_filter(one, number) for one in params.get("where") or [])]
    funnel: dict[str, Any] = {
        "name": funnel_name(number),
        "description": case["id"],
        "order": params["order"],
        "window": f"{params.get('window_seconds') or FOREVER} seconds",
        "where": " and ".join(conditions),
        "entry_mode": params.get("entry_mode") or "any",
        "ties": (params.get("ties") or "default").replace("default", "in_order"),
        "range": declared_range(params, zone),
        "range_applies_to": "all_events",
        "periods": [params.get("interval") or "month"],
        "steps": [declared_step(step, number) for step in params["steps"]],
        "exclusions": [
            {
                **declared_events(exclusion, number),
                "from_step": exclusion["from_step"] + 1,
                "to_step": exclusion["to_step"] + 1,
            }
            for exclusion in params.get("exclusions") or []
        ],
        **declared_unit(params.get("aggregate_by") or "person", mine),
    }
    if params.get("hold_constant"):
        funnel["hold_constant"] = [property_sql(k) for k in params["hold_constant"]]
    if params.get("breakdown"):
        funnel["breakdowns"] = [declared_breakdown(params["breakdown"])]
    if case["kind"] == "time_to_convert":
        funnel["time_to_convert"] = {
            "from_step": (params.get("from_step") or 0) + 1,
            "to_step": (params.get("to_step") or len(params["steps"]) - 1) + 1,
            "bins": params.get("bin_count"),
        }
    return funnel


def declared_range(params: dict[str, Any], zone: ZoneInfo) -> dict[str, str]:
    """Give the range; the last instant of a case's range belongs to it."""
    found = {}
    if params.get("date_from"):
        found["from"] = local(params["date_from"], zone)
    if params.get("date_to"):
        found["to"] = local(params["date_to"], zone, after=INSTANT)
    return found


def declared_step(step: dict[str, Any], number: int) -> dict[str, Any]:
    declared = {"name": step["name"] or "any", **declared_events(step, number)}
    if step.get("first_time"):
        declared["first_time"] = _FIRST_TIME.get(step["first_time"], "first_ever")
    return declared


def declared_events(part: dict[str, Any], number: int) -> dict[str, Any]:
    any_of = []
    for events in part["any_of"]:
        declared = {"event": events["event"] or "*"}
        if events.get("where"):
            declared["where"] = all_of(events["where"], number)
        any_of.append(declared)
    where = {"where": all_of(part["where"], number)} if part.get("where") else {}
    return {"any_of": any_of, **where}


def declared_unit(aggregate_by: str, mine: str) -> dict[str, str]:
    """Give the unit; first times are looked for beyond the case's own filter."""
    if aggregate_by == "person":
        return {}
    key = aggregate_by.removeprefix("property:")
    key = "case_id" if key == "distinct_id" else key
    account = f"case when {mine} then {property_sql(key)} end"
    return {"counting": "accounts", "account": account}


def declared_breakdown(breakdown: dict[str, Any]) -> dict[str, Any]:
    function = "person_property" if breakdown["type"] == "person" else "property"
    declared: dict[str, Any] = {
        "name": "group",
        "by": [f"{function}('{key}')" for key in breakdown["keys"]],
        "attribution": breakdown.get("attribution") or "first_touch",
    }
    if declared["attribution"] == "step":
        declared["step"] = (breakdown.get("attribution_step") or 0) + 1
    if breakdown.get("limit"):
        declared["limit"] = breakdown["limit"]
    return declared


def all_of(filters: Sequence[dict[str, Any]], number: int) -> str:
    return " and ".join(sql_filter(one, number) for one in filters)


def sql_filter(one: dict[str, Any], number: int) -> str:
    """Give a filter as an expression; only is_not and is_not_set match null."""
    if "values" in one:
        parts = [sql_filter(inner, number) for inner in one["values"]]
        return "(" + f" {one['type'].lower()} ".join(parts) + ")"
    if "person_id_in" in one:
        return f"person_id in {quoted([f'{number}/{p}' for p in one['person_id_in']])}"
    kind, value = one.get("operator") or "exact", one.get("value")
    function = "person_property" if one.get("type") == "person" else "property"
    named = f"{function}('{one['key']}')"
    values = value if isinstance(value, list) else [value]
    text = quoted([str(value)])[1:-1]
    return {
        "exact": f"{named} in {quoted(values)}",
        "is_not": f"({named} is null or {named} not in {quoted(values)})",
        "icontains": f"contains(lower({named}), lower({text}))",
        "not_icontains": f"not contains(lower({named}), lower({text}))",
        "is_set": f"{named} is not null",
        "is_not_set": f"{named} is null",
        "regex": f"regexp_matches({named}, {text})",
        "gt": f"{number_of(one)} > {value}",
        "lt": f"{number_of(one)} < {value}",
    }[kind]


def number_of(one: dict[str, Any]) -> str:
    """Give a property as a number; a text that is none matches nothing."""
    if one.get("type") != "person":
        return f"property_number('{one['key']}')"
    text = f"person_property('{one['key']}')"
    is_number = f"regexp_matches({text}, '^-?[0-9]+([.][0-9]+)?$')"
    return f"case when {is_number} then cast({text} as double) end"


def property_sql(key: str) -> str:
    return f"property('{key}')"


def quoted(values: Iterable[Any]) -> str:
    texts = [
        json.dumps(value) if isinstance(value, bool) else str(value) for value in values
    ]
    listed = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
    return f"({listed})"


def moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def local(text: str, zone: ZoneInfo, after: timedelta = timedelta(0)) -> str:
    utc = (moment(text) + after).replace(tzinfo=UTC)
    return utc.astimezone(zone).replace(tzinfo=None).isoformat()
