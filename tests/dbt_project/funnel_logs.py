"""Random funnels over random logs, for the oracle and as a catalog with rows.

Logs are small and full of equal times, window ends, local midnights, repeats of one
event in several steps and missing values. Not here: the rules (`funnel_oracle`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st

from tests.dbt_project.funnel_cases import dump, funnel_name
from tests.dbt_project.funnel_oracle import Breakdown, Event, Exclusion, Funnel, Match
from tests.dbt_project.warehouse_of_test import Row

# Local midnight of New York lies 540 minutes later, its change to summer time 660.
START = datetime(2026, 3, 7, 20)
SESSION_GAP = timedelta(minutes=30)

_MINUTES = st.one_of(
    st.integers(536, 546),
    st.integers(536, 546),
    st.sampled_from((0, 1, 2, 30, 31, 60, 655, 660, 665, 1_990, 2_000, 10_620)),
)
_BOTH = ("platform", "country")
_NAMES = st.sampled_from((("a",), ("b",), ("c",), ("a",), ("a", "b"), ("b", "c")))


@dataclass(frozen=True)
class Sample:
    """One funnel and the log of a few persons."""

    funnel: Funnel
    log: tuple[Event, ...]


_matches = st.builds(
    Match,
    names=_NAMES,
    platform=st.sampled_from((None, None, None, "web")),
    first_time=st.sampled_from((None,) * 9 + ("first_match", "first_ever")),
)
_events = st.builds(
    Event,
    id=st.just(""),
    name=st.sampled_from(("a", "a", "b", "b", "c", "x")),
    at=_MINUTES.map(lambda minute: START + timedelta(minutes=minute)),
    person=st.sampled_from(("p", "p", "q")),
    platform=st.sampled_from(("web", "ios", None)),
    country=st.sampled_from(("DE", "US", None)),
    account=st.sampled_from(("k", "l", None)),
    worth=st.integers(1, 9),
)


@st.composite
def funnels(draw: st.DrawFn) -> Funnel:
    """Any combination of parameters that the catalog admits."""
    steps = draw(st.lists(_matches, min_size=1, max_size=4))
    count = len(steps)
    order = draw(
        st.sampled_from(("ordered", "ordered", "ordered", "strict", "unordered"))
    )
    exclusions: list[Exclusion] = []
    if count > 1 and draw(st.integers(0, 2)) == 0:
        first = 1 if order == "unordered" else draw(st.integers(1, count - 1))
        last = count if order == "unordered" else draw(st.integers(first + 1, count))
        exclusions.append(Exclusion(Match(("x",)), first, last))
    ranged = draw(st.sampled_from((None, None, (530, 541), (0, 600), (None, 540))))
    moments = [
        None if minute is None else datetime(2026, 3, 7, 15) + timedelta(minutes=minute)
        for minute in ranged or (None, None)
    ]
    return Funnel(
        steps=tuple(steps),
        window=timedelta(minutes=draw(st.sampled_from((1, 2, 3, 5, 8, 90, 1_500)))),
        order=order,
        ties=draw(
            st.sampled_from(("in_order", "in_order", "total_order", "strict_increase"))
        ),
        entry_mode=draw(st.sampled_from(("any", "any", "any", "first"))),
        where=draw(st.sampled_from((None, None, None, "web"))),
        exclusions=tuple(exclusions),
        range_from=moments[0],
        range_to=moments[1],
        range_applies_to=draw(st.sampled_from(("entry", "all_events"))),
        breakdown=draw(st.none() | breakdowns(count)),
        hold_constant=draw(st.sampled_from(((), (), (), ("platform",)))),
        counting=draw(
            st.sampled_from(("uniques", "uniques", "totals", "accounts", "sessions"))
        ),
    )


@st.composite
def breakdowns(draw: st.DrawFn, count: int) -> Breakdown:
    attribution = draw(
        st.sampled_from(("first_touch", "last_touch", "step", "all_events"))
    )
    return Breakdown(
        by=draw(
            st.sampled_from((("platform",), ("country",), ("platform", "country")))
        ),
        attribution=attribution,
        step=draw(st.integers(1, count)) if attribution == "step" else None,
        limit=draw(st.sampled_from((1, 2, 25))),
    )


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """A funnel and a log whose ids are in no order of time."""
    events = draw(st.lists(_events, min_size=1, max_size=11))
    ids = draw(st.permutations([f"{number:02}" for number in range(len(events))]))
    numbered = [replace(event, id=one) for event, one in zip(events, ids, strict=True)]
    return Sample(draw(funnels()), tuple(with_sessions(numbered)))


def with_sessions(log: Sequence[Event]) -> list[Event]:
    """Give each event its session: the id of the first event of its visit."""
    placed: list[Event] = []
    last: dict[str, Event] = {}
    for event in sorted(log, key=lambda e: (e.person, e.at, e.id)):
        before = last.get(event.person)
        opens = before is None or event.at - before.at > SESSION_GAP
        session = event.id if opens or before is None else before.session
        last[event.person] = replace(event, session=session)
        placed.append(last[event.person])
    return placed


def rows_of(sample: Sample, number: int) -> list[Row]:
    """Give the log as landed rows, everything in them apart from other samples."""
    return [
        {
            "event_id": f"{number:04}-{event.id}",
            "event_name": event.name,
            "occurred_at": event.at,
            "user_id": f"{number:04}-{event.person}",
            "platform": event.platform,
            "utm_campaign": funnel_name(number),
            "properties": json.dumps(
                {
                    "country": event.country,
                    "account": event.account and f"{number:04}-{event.account}",
                    "worth": event.worth,
                }
            ),
        }
        for event in sample.log
    ]


def write_samples(folder: Path, drawn: Sequence[Sample]) -> None:
    """Write the catalog of one night of samples."""
    names = ("a", "b", "c", "x")
    declared = [{"name": name, "description": "Of a sample."} for name in names]
    dump(folder / "events.yml", {"policy": "allow", "events": declared})
    dump(folder / "metrics.yml", {"metrics": []})
    listed = [declare(sample.funnel, number) for number, sample in enumerate(drawn)]
    dump(folder / "funnels.yml", {"funnels": listed})


def declare(funnel: Funnel, number: int) -> dict[str, Any]:
    """Give a funnel as it stands in funnels.yml."""
    mine = f"utm_campaign = '{funnel_name(number)}'"
    declared: dict[str, Any] = {
        "name": funnel_name(number),
        "window": f"{int(funnel.window.total_seconds())} seconds",
        "order": funnel.order,
        "ties": funnel.ties,
        "entry_mode": funnel.entry_mode,
        "where": f"{mine} and platform = '{funnel.where}'" if funnel.where else mine,
        "range_applies_to": funnel.range_applies_to,
        "range": {
            key: moment.isoformat()
            for key, moment in (("from", funnel.range_from), ("to", funnel.range_to))
            if moment is not None
        },
        "steps": [
            {"name": f"Step {index}", **_declared_match(step)}
            for index, step in enumerate(funnel.steps, start=1)
        ],
        "exclusions": [
            {
                **_declared_match(part.match),
                "from_step": part.first,
                "to_step": part.last,
            }
            for part in funnel.exclusions
        ],
        "hold_constant": list(funnel.hold_constant),
        "counting": funnel.counting,
        "periods": ["day", "week"],
        "value": "property_number('worth')",
    }
    if funnel.counting == "accounts":
        declared["account"] = "property('account')"
    if funnel.breakdown is not None:
        declared["breakdowns"] = [_declared_breakdown(funnel.breakdown)]
    return declared


def _declared_match(match: Match) -> dict[str, Any]:
    events: dict[str, Any] = {"event": list(match.names)}
    if match.platform is not None:
        events["where"] = f"platform = '{match.platform}'"
    first = {"first_time": match.first_time} if match.first_time else {}
    return {"any_of": [events], **first}


def _declared_breakdown(breakdown: Breakdown) -> dict[str, Any]:
    columns = {"platform": "platform", "country": "property('country')"}
    declared: dict[str, Any] = {
        "name": "group",
        "by": [columns[name] for name in breakdown.by],
        "attribution": breakdown.attribution,
        "limit": breakdown.limit,
    }
    if breakdown.step is not None:
        declared["step"] = breakdown.step
    return declared


def qualified(sample: Sample, number: int) -> list[Event]:
    """Give the log with the ids it has in the warehouse."""
    prefix = f"{number:04}-"
    return [
        replace(
            event,
            id=prefix + event.id,
            person=prefix + event.person,
            session=prefix + str(event.session),
            account=event.account and prefix + event.account,
        )
        for event in sample.log
    ]
