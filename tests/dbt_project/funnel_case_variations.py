"""More cases of funnels, trends and times to convert: other values of each parameter.

Belongs here: random cases in the README's shape, and their answers from the attempts
that the second engine finds (itself held against brute force). Not here: the catalog
they become, and the marts.
"""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from dagster_project.analysis.reconciliation.funnel_steps import (
    Breakdown,
    Exclusion,
    FunnelEvent,
    FunnelRules,
)
from dagster_project.analysis.reconciliation.funnels import (
    NO_VALUE,
    Attempt,
    attempts_by_group,
    attempts_of,
    touches_of,
)
from dagster_project.analysis.reconciliation.periods import next_start, start_of
from tests.dbt_project.case_answers import INSTANT, Case, CaseLog, instant, text_of
from tests.dbt_project.case_variations import START, a_step, events, filters, persons

KINDS = ("funnel", "funnel_trend", "time_to_convert")
FOREVER = timedelta(days=20_000)
ZONES = ("UTC", "US/Pacific")


def varied_funnels(seed: int, count: int) -> Iterator[Case]:
    """Give random cases, of each kind about as many."""
    for number in range(count):
        draw = random.Random(f"funnel {seed} {number}")
        kind = draw.choice((KINDS[0], *KINDS))
        case: Case = {
            "id": f"varied_{kind}_{seed}_{number}",
            "kind": kind,
            "persons": list(persons(draw)),
            "params": _params(draw, kind),
        }
        case["events"] = events(draw, case, draw.choice(("hour", "hour", "day")))
        case["expected"] = answer(case)
        yield case


def _params(draw: random.Random, kind: str) -> dict[str, Any]:
    order = draw.choice(("ordered", "ordered", "strict", "unordered"))
    count = draw.randrange(2, 4)
    steps = [a_step(draw) for _ in range(count)]
    params: dict[str, Any] = {
        "order": order,
        "steps": steps,
        "window_seconds": draw.choice((1_800, 3_600, 7_200, 86_400)),
        "date_from": f"{(START - timedelta(hours=2)).isoformat()}.000000Z",
        "date_to": f"{(START + timedelta(days=2)).isoformat()}.000000Z",
        "where": filters(draw),
        "entry_mode": draw.choice((None, "any", "first")),
        "ties": draw.choice((None, "default", "strict_increase")),
        "aggregate_by": draw.choice((None, "person", "distinct_id", "property:org")),
    }
    if draw.random() < 0.3:
        first = draw.randrange(count - 1)
        last = draw.randrange(first + 1, count)
        if order == "unordered":
            first, last = 0, count - 1
        excluded = {**a_step(draw), "from_step": first, "to_step": last}
        params["exclusions"] = [excluded]
    if draw.random() < 0.2:
        told = draw.choice(("with_filters", "then_filters", "first_ever"))
        steps[0]["first_time"] = told
    if draw.random() < 0.15:
        params["hold_constant"] = ["b"]
    return params | OF_KIND[kind](draw, count)


def _grouped(draw: random.Random, count: int) -> dict[str, Any]:
    if draw.random() < 0.5:
        return {"window_seconds": draw.choice((None, 3_600))}
    attribution = draw.choice(("first_touch", "last_touch", "step", "all_events"))
    breakdown = {
        "type": "event",
        "keys": draw.choice((["a"], ["org"], ["a", "b"])),
        "attribution": attribution,
        "limit": draw.choice((None, 1, 2, 25)),
    }
    if attribution == "step":
        breakdown["attribution_step"] = draw.randrange(count)
    elif draw.random() < 0.3:
        breakdown |= {"type": "person", "keys": ["country"]}
    return {"breakdown": breakdown}


def _trend(draw: random.Random, count: int) -> dict[str, Any]:
    return {
        "interval": draw.choice(("hour", "day", "week", "month")),
        "timezone": draw.choice(ZONES),
        "from_step": draw.choice((None, 0, count - 2)),
        "to_step": draw.choice((None, count - 1)),
    }


def _times(draw: random.Random, count: int) -> dict[str, Any]:
    return {
        "from_step": draw.choice((None, 0, count - 2)),
        "to_step": draw.choice((None, count - 1)),
        "bin_count": draw.choice((None, 3, 7)),
        # Of several conversions of a person the first one tells: here there is one.
        **{"aggregate_by": "person", "entry_mode": "first", "hold_constant": None},
    }


OF_KIND = {"funnel": _grouped, "funnel_trend": _trend, "time_to_convert": _times}


def answer(case: Case) -> dict[str, Any]:
    """Give what a case expects."""
    log = Funnel(case)
    if case["kind"] == "funnel_trend":
        return {"rows": list(log.rows())}
    if case["kind"] == "time_to_convert":
        return log.bins()
    if log.rules.breakdowns:
        return {"breakdowns": list(log.groups())}
    return {"steps": log.steps(attempts_of(log.told, log.rules, log.zone))}


class Funnel(CaseLog):
    """The attempts of a case, counted as its README says."""

    def __init__(self, case: Case) -> None:
        # First times are looked for in all history: the filter does not hide them.
        super().__init__(case | {"params": case["params"] | {"where": []}})
        params = self.params = case["params"]
        steps = params["steps"]
        parts = params.get("exclusions") or []
        breakdown = params.get("breakdown")
        seconds = params.get("window_seconds")
        self.rules = FunnelRules(
            steps=len(steps),
            window=timedelta(seconds=seconds) if seconds else FOREVER,
            order=params["order"],
            ties=(params.get("ties") or "default").replace("default", "in_order"),
            entry_mode=params.get("entry_mode") or "any",
            exclusions=tuple(
                Exclusion(one["from_step"] + 1, one["to_step"] + 1) for one in parts
            ),
            range_from=self.local({"at": instant(params["date_from"])}),
            range_to=self.local({"at": instant(params["date_to"]) + INSTANT}),
            range_applies_to="all_events",
            first_time_steps=frozenset(
                n for n, step in enumerate(steps, 1) if step.get("first_time")
            ),
            breakdowns=tuple(
                Breakdown(
                    "group",
                    one["attribution"],
                    one["attribution_step"] + 1
                    if one["attribution"] == "step"
                    else None,
                )
                for one in (breakdown,)
                if one
            ),
        )
        self.told = [self._told(event) for event in self.events if self.unit(event)]

    def _told(self, event: dict[str, Any]) -> FunnelEvent:
        params = self.params
        steps = list(enumerate(params["steps"], 1))
        return FunnelEvent(
            event_id=f"{event['place']:05}",
            unit=str(self.unit(event)),
            at=event["at"],
            steps=frozenset(n for n, step in steps if self.is_step(step, event)),
            first_of=frozenset(
                n
                for n, step in steps
                if self.is_step(
                    step
                    if step.get("first_time") == "with_filters"
                    else {"any_of": [{"event": p["event"]} for p in step["any_of"]]},
                    event,
                )
            ),
            exclusions=frozenset(
                place
                for place, part in enumerate(params.get("exclusions") or [])
                if self.is_step(part, event)
            ),
            held=tuple(
                text_of(event["properties"].get(key))
                for key in params.get("hold_constant") or []
            ),
            is_taken=all(self.holds(one, event) for one in params["where"]),
            groups=(self._group(event),) if params.get("breakdown") else (),
        )

    def _group(self, event: dict[str, Any]) -> str | None:
        breakdown = self.params["breakdown"]
        source = event["traits" if breakdown["type"] == "person" else "properties"]
        values = [text_of(source.get(key)) for key in breakdown["keys"]]
        if all(value is None for value in values):
            return None
        # Of groups as large the one whose text comes first is kept.
        texts = json.dumps(values, separators=(",", ":"))
        return values[0] if len(values) == 1 else texts

    def steps(self, attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
        reached: dict[str, int] = defaultdict(int)
        for one in attempts:
            reached[one.unit] = max(reached[one.unit], one.reached_step)
        return [
            {"count": sum(level >= number for level in reached.values())}
            | self._persons([unit for unit in reached if reached[unit] >= number])
            for number in range(1, self.rules.steps + 1)
        ]

    def _persons(self, units: list[str]) -> dict[str, Any]:
        is_person = (self.params.get("aggregate_by") or "person") == "person"
        return {"persons": units} if is_person else {}

    def groups(self) -> Iterator[dict[str, Any]]:
        by_group: dict[str, list[Attempt]] = defaultdict(list)
        if self.rules.breakdowns[0].is_of_touch:
            touches = touches_of(self.told, self.rules, self.zone, 0)
            for one in attempts_of(self.told, self.rules, self.zone):
                by_group[touches.get(one.unit, NO_VALUE)].append(one)
        else:
            found = attempts_by_group(self.told, self.rules, self.zone, 0)
            for group, one in found:
                by_group[group].append(one)
        kept = sorted(
            by_group, key=lambda g: (-len({one.unit for one in by_group[g]}), g)
        )[: self.params["breakdown"].get("limit") or 25]
        folded: dict[str, list[Attempt]] = defaultdict(list)
        for group, attempts in by_group.items():
            folded[group if group in kept else "Other"] += attempts
        keys = len(self.params["breakdown"]["keys"])
        for group, attempts in folded.items():
            value = [group]
            if group == NO_VALUE:
                value = [""] * keys
            elif keys > 1 and group != "Other":
                value = [part or "" for part in json.loads(group)]
            yield {"value": value, "steps": self.steps(attempts)}

    def bounds(self) -> tuple[int, int]:
        first, last = self.params.get("from_step"), self.params.get("to_step")
        return (first or 0) + 1, self.rules.steps if last is None else last + 1

    def rows(self) -> Iterator[dict[str, Any]]:
        """Once per unit and period of entry, the farthest."""
        period, (first, last) = self.params["interval"], self.bounds()
        reached: dict[datetime, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for one in attempts_of(self.told, self.rules, self.zone):
            levels = reached[self.period({"at": one.times[0]}, period)]
            levels[one.unit] = max(levels[one.unit], one.reached_step)
        start = self.period({"at": instant(self.params["date_from"])}, period)
        while start <= self.local({"at": instant(self.params["date_to"])}):
            levels = reached.get(start, {})
            entered = sum(level >= first for level in levels.values())
            converted = sum(level >= last for level in levels.values())
            yield {
                "period": start.isoformat(),
                "entered": entered,
                "converted": converted,
                "rate": 100 * converted / entered if entered else 0,
            }
            start = next_start(period, start_of(period, start))

    def bins(self) -> dict[str, Any]:
        first, last = self.bounds()
        seconds = sorted(
            (one.times[last - 1] - one.times[first - 1]).total_seconds()
            for one in attempts_of(self.told, self.rules, self.zone)
            if one.reached_step >= last
        )
        if not seconds:
            return {"bins": [], "avg_seconds": None}
        roots = math.ceil(round(len(seconds) ** (1 / 3), 9))
        count = self.params.get("bin_count") or min(max(roots, 3), 60)
        begin, end = math.floor(seconds[0]), math.ceil(seconds[-1])
        width = math.ceil((end - begin) / count) or 60
        starts = [begin + place * width for place in range(count + 1)]
        bins = [[s, sum(s <= one < s + width for one in seconds)] for s in starts]
        return {"bins": bins, "avg_seconds": sum(seconds) / len(seconds)}
