"""One event fills one step only: what that asks where steps share event names.

Steps with different event names never compete for an event. Where steps share a name,
some of them can all be filled by some events exactly if every choice of these steps is
matched by at least as many of the events (Hall 1935). Conditions and thresholds of
that kind are made here; the SQL around them is in dbt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, Final

from ingestion.catalog.fields import ANY_EVENT
from ingestion.catalog.funnel_models import FunnelSpec, FunnelStep

# 63 choices of 6 filters; identical filters are one.
MAX_CLASSES: Final = 6

Steps = tuple[int, ...]


def overlapping_steps(funnel: FunnelSpec) -> list[Steps]:
    """Give the steps (from 0) in groups that share event names; `"*"` shares all.

    Total and strictly increasing orders of ordered funnels need no groups: there an
    event lies before or after another, so each step is a group of its own.
    """
    if funnel.order == "ordered" and funnel.ties != "in_order":
        return [(step,) for step in range(len(funnel.steps))]
    groups: list[set[int]] = []
    for index in range(len(funnel.steps)):
        joined = {index}
        apart = []
        for group in groups:
            if any(_share(funnel.steps[index], funnel.steps[one]) for one in group):
                joined |= group
            else:
                apart.append(group)
        groups = [*apart, joined]
    return sorted(tuple(sorted(group)) for group in groups)


def _share(left: FunnelStep, right: FunnelStep) -> bool:
    names, others = _names(left), _names(right)
    return ANY_EVENT in names | others or bool(names & others)


def _names(step: FunnelStep) -> set[str]:
    return {name for events in step.any_of for name in events.event}


def choices(steps: Sequence[int], filters: Sequence[str]) -> Iterator[Steps]:
    """Give every choice of steps that Hall's condition has to be asked of.

    `filters` is the filter of every step of the funnel. Steps with the same filter
    are matched by the same events, so the largest choice of them says it all.
    """
    classes: dict[str, list[int]] = {}
    for step in steps:
        classes.setdefault(filters[step], []).append(step)
    for count in range(1, len(classes) + 1):
        for chosen in combinations(classes.values(), count):
            yield tuple(sorted(step for members in chosen for step in members))


def reach_conditions(groups: Sequence[Steps], filters: Sequence[str]) -> list[str]:
    """Give, for each step k, the SQL of the earliest step f such that events of one
    instant can fill the steps f to k; null where none is step k.

    To be aggregated over the events of one person and instant, which have the
    columns is_step_1, is_step_2, …
    """
    return [_reach(step, groups, filters) for step in range(len(filters))]


def _reach(last: int, groups: Sequence[Steps], filters: Sequence[str]) -> str:
    cases = []
    for first in range(last + 1):
        needed = [
            _at_least(choice)
            for group in groups
            for choice in choices([s for s in group if first <= s <= last], filters)
        ]
        cases.append(f"when {' and '.join(needed)} then {first + 1}")
    return f"case {' '.join(cases)} end"


def _at_least(steps: Steps) -> str:
    return f"count(case when {any_step(steps)} then 1 end) >= {len(steps)}"


def any_step(steps: Steps) -> str:
    """Give the SQL that an event is one of some steps (from 0)."""
    return " or ".join(f"is_step_{step + 1}" for step in steps)


def unordered_plan(
    groups: Sequence[Steps], filters: Sequence[str]
) -> tuple[list[dict[str, Any]], list[list[dict[str, int]]]]:
    """Give when the steps of an unordered funnel are done, one after another.

    First the choices of steps, each with the number of events after the opening one
    that are asked for. Then one entry for each step done: the latest of the `nth`
    events of some choices, the opening event included where it is one of them. The
    times of all groups together, in order, are the times at which one, two, …
    different steps are done: with events taken as they come, the number of steps
    filled at a time is the least of (steps left out + events that match the rest).
    """
    listed: list[dict[str, Any]] = []
    times: list[list[dict[str, int]]] = []
    for group in groups:
        numbered = []
        for choice in choices(group, filters):
            numbered.append((len(listed), choice))
            listed.append({"condition": any_step(choice), "size": len(choice)})
        for done in range(1, len(group) + 1):
            left_out = len(group) - done
            times.append(
                [
                    {"choice": number, "nth": len(choice) - left_out}
                    for number, choice in numbered
                    if len(choice) > left_out
                ]
            )
    return listed, times
