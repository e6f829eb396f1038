"""The second engine's attempts against those that brute force finds, all parameters.

Brute force tries every chain and is exponential; the engine looks for the earliest next
event. Where both agree with one another, the night may lean on the quick one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings

from dagster_project.analysis.reconciliation.funnel_steps import (
    Breakdown,
    Exclusion,
    FunnelEvent,
    FunnelRules,
)
from dagster_project.analysis.reconciliation.funnels import (
    Attempt,
    attempts_by_group,
    attempts_of,
    touches_of,
)
from tests.dbt_project import funnel_figures, funnel_oracle
from tests.dbt_project.funnel_logs import Sample, samples

ZONE = "America/New_York"
START = datetime(2026, 3, 1)


def rules_of(funnel: funnel_oracle.Funnel) -> FunnelRules:
    return FunnelRules(
        steps=len(funnel.steps),
        window=funnel.window,
        order=funnel.order,
        ties=funnel.ties,
        entry_mode=funnel.entry_mode,
        exclusions=tuple(Exclusion(p.first, p.last) for p in funnel.exclusions),
        range_from=funnel.range_from,
        range_to=funnel.range_to,
        range_applies_to=funnel.range_applies_to,
        counting=funnel.counting,
        first_time_steps=frozenset(
            step
            for step, match in enumerate(funnel.steps, start=1)
            if match.first_time is not None
        ),
        breakdowns=tuple(
            Breakdown("group", part.attribution, part.step)
            for part in (funnel.breakdown,)
            if part is not None
        ),
        is_valued=True,
    )


def events_of(sample: Sample) -> list[FunnelEvent]:
    funnel = sample.funnel
    units: dict[str, Callable[[funnel_oracle.Event], str | None]] = {
        "accounts": lambda event: event.account,
        "sessions": lambda event: event.session,
    }
    unit = units.get(funnel.counting, lambda event: event.person)
    steps = list(enumerate(funnel.steps, start=1))
    return [
        FunnelEvent(
            event_id=event.id,
            unit=str(unit(event)),
            at=event.at,
            steps=frozenset(step for step, match in steps if match.holds(event)),
            first_of=frozenset(
                step
                for step, match in steps
                if (match.first_time == "first_match" and match.holds(event))
                or (match.first_time == "first_ever" and event.name in match.names)
            ),
            exclusions=frozenset(
                place
                for place, part in enumerate(funnel.exclusions)
                if part.match.holds(event)
            ),
            held=tuple(getattr(event, name) for name in funnel.hold_constant),
            is_taken=funnel.where is None or event.platform == funnel.where,
            groups=tuple(
                funnel_oracle.group_of(part, event)
                for part in (funnel.breakdown,)
                if part is not None
            ),
            worth=None if event.worth is None else Decimal(event.worth),
        )
        for event in sample.log
        if unit(event)
    ]


def agrees(sample: Sample) -> None:
    rules, zone = rules_of(sample.funnel), ZoneInfo(ZONE)
    events = events_of(sample)
    oracle = funnel_oracle.Oracle(sample.funnel, sample.log, ZONE)
    found = [("all", attempt) for attempt in attempts_of(events, rules, zone)]
    assert same(found) == expected(oracle.attempts(None))
    declared = sample.funnel.breakdown
    if declared is not None:
        if rules.breakdowns[0].is_of_touch:
            touches = funnel_figures.Figures(oracle, START).touches(declared)
            assert touches_of(events, rules, zone, 0) == touches
        else:
            groups = attempts_by_group(events, rules, zone, 0)
            assert same(groups) == expected(oracle.attempts(declared))


def same(found: Iterable[tuple[str, Attempt]]) -> list[tuple[object, ...]]:
    return sorted(
        (group, a.unit, a.times[0], a.reached_step, a.times[-1], a.worth or 0)
        for group, a in found
    )


def expected(
    found: Iterable[tuple[str, funnel_oracle.Attempt]],
) -> list[tuple[object, ...]]:
    return sorted(
        (group, a.unit, a.times[0], a.level, a.times[-1], a.worth or 0)
        for group, a in found
    )


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(sample=samples())
def test_random_funnels_equal_brute_force(sample: Sample) -> None:
    agrees(sample)


@pytest.mark.campaign
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(sample=samples())
def test_many_random_funnels_equal_brute_force(sample: Sample) -> None:
    agrees(sample)


def _at(minute: int, *steps: int, held: str | None = None) -> FunnelEvent:
    return FunnelEvent(
        event_id=f"{minute:03}-{steps}",
        unit="p",
        at=START + timedelta(minutes=minute),
        steps=frozenset(steps),
        held=() if held is None else (held,),
    )


def test_a_better_entry_decides() -> None:
    """The first entry runs out of time; a later one reaches the end."""
    events = [_at(0, 1), _at(50, 1), _at(70, 2)]
    rules = FunnelRules(steps=2, window=timedelta(minutes=60))
    found = attempts_of(events, rules, ZoneInfo("UTC"))
    assert [attempt.reached_step for attempt in found] == [1, 2]


def test_steps_of_an_attempt_hold_a_value_in_common() -> None:
    events = [_at(0, 1, held="x"), _at(1, 2, held="y"), _at(2, 2, held="x")]
    rules = FunnelRules(steps=2, window=timedelta(minutes=60))
    [found] = attempts_of(events, rules, ZoneInfo("UTC"))
    assert found.times == (START, START + timedelta(minutes=2))


def test_many_events_of_one_instant_cost_little() -> None:
    """Two hundred events that are all of six steps, at one instant."""
    every = tuple(range(1, 7))
    events = [
        FunnelEvent(f"{n}", "p", START, steps=frozenset(every)) for n in range(200)
    ]
    rules = FunnelRules(steps=6, window=timedelta(minutes=60))
    [found] = attempts_of(events, rules, ZoneInfo("UTC"))
    assert found.times == (START,) * 6
