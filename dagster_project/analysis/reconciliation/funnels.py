"""Attempts at a funnel, by trying every entry of every unit in turn.

Each event of step 1 opens an attempt; from there the earliest event of each further
step is looked for, within the window. Here belong the attempts that count, over the
whole of a funnel and by the groups of a breakdown; what one entry leads to belongs to
`funnel_steps`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from dagster_project.analysis.reconciliation.events import local_time
from dagster_project.analysis.reconciliation.funnel_steps import (
    FunnelEvent,
    FunnelRules,
    times_of,
    worth_of,
)

NO_VALUE = "(none)"
Track = Sequence[FunnelEvent]


@dataclass(frozen=True)
class Attempt:
    """An attempt that counts, with the times of the steps it reached.

    ``worth``: of a conversion whose last step says so.
    """

    unit: str
    times: tuple[datetime, ...]
    worth: Decimal | None = None

    @property
    def reached_step(self) -> int:
        """The last step it reached, from 1."""
        return len(self.times)


def attempts_of(
    events: Sequence[FunnelEvent], rules: FunnelRules, zone: ZoneInfo
) -> list[Attempt]:
    """Give the attempts of all units; ``events`` in any order."""
    return [
        attempt
        for track in _tracks_of(events, rules, zone)
        for attempt in _attempts_of_track(track, rules, zone)
    ]


def attempts_by_group(
    events: Sequence[FunnelEvent], rules: FunnelRules, zone: ZoneInfo, place: int
) -> list[tuple[str, Attempt]]:
    """Give attempts with their group, where each group is a funnel of its own.

    ``place``: of the breakdown among those of the funnel.
    """
    step = rules.breakdowns[place].step
    return [
        (group, attempt)
        for track in _tracks_of(events, rules, zone)
        for group, part in _split(track, place, step)
        for attempt in _attempts_of_track(part, rules, zone, step)
    ]


def touches_of(
    events: Sequence[FunnelEvent], rules: FunnelRules, zone: ZoneInfo, place: int
) -> dict[str, str]:
    """Give the first or last known value among the step events of each unit.

    They lie in the range of entries, or no more than a window after it.
    """
    beyond = rules.window if rules.range_applies_to == "entry" else timedelta(0)
    touched = [
        (event.at, event.event_id, event)
        for track in _tracks_of(events, rules, zone)
        for event in track
        if event.steps and _in_range(event.at, rules, zone, beyond)
    ]
    is_last = rules.breakdowns[place].attribution == "last_touch"
    found: dict[str, str] = {}
    for *_, event in sorted(touched, key=lambda one: one[:2], reverse=is_last):
        value = event.groups[place]
        if value is not None:
            found.setdefault(event.unit, value)
    return found


def _tracks_of(
    events: Sequence[FunnelEvent], rules: FunnelRules, zone: ZoneInfo
) -> list[Track]:
    """Give the events that make attempts together, in the total order."""
    history = sorted(events, key=lambda one: (one.at, one.event_id))
    tracks: dict[tuple[str | None, ...], list[FunnelEvent]] = defaultdict(list)
    for event in _with_first_times(history, rules):
        is_late = rules.range_applies_to == "all_events" and not _in_range(
            event.at, rules, zone
        )
        if event.is_taken and None not in event.held and not is_late:
            tracks[(event.unit, *event.held)].append(event)
    return list(tracks.values())


def _split(track: Track, place: int, step: int | None) -> Iterator[tuple[str, Track]]:
    """Give the events of each value; with a step, only its events are told apart."""
    values = [event.groups[place] or NO_VALUE for event in track]
    valued = list(zip(values, track, strict=True))
    told = {value for value, event in valued if step is None or step in event.steps}
    for value in sorted(told):
        if step is None:
            yield value, [event for its, event in valued if its == value]
        else:
            yield (
                value,
                [
                    event
                    if its == value
                    else replace(event, steps=event.steps - {step})
                    for its, event in valued
                ],
            )


def _with_first_times(
    history: Sequence[FunnelEvent], rules: FunnelRules
) -> Iterator[FunnelEvent]:
    """Take steps away from events that are not the first of their kind."""
    seen: set[tuple[str, int]] = set()
    for event in history:
        firsts = {step for step in event.first_of if (event.unit, step) not in seen}
        seen |= {(event.unit, step) for step in firsts}
        lost = (event.steps & rules.first_time_steps) - firsts
        yield replace(event, steps=event.steps - lost) if lost else event


def _in_range(
    at: datetime,
    rules: FunnelRules,
    zone: ZoneInfo,
    beyond: timedelta = timedelta(0),
) -> bool:
    """Say whether an instant lies in the range, or so long after it."""
    local = local_time(at, zone)
    return (rules.range_from is None or local >= rules.range_from) and (
        rules.range_to is None or local < rules.range_to + beyond
    )


def _attempts_of_track(
    track: Track, rules: FunnelRules, zone: ZoneInfo, step: int | None = None
) -> list[Attempt]:
    """Entries of one instant are one attempt: the one that leads farthest, first.

    Of ordered ones that are alike it is the worthiest, of others the first event.

    Given a step, an event of it has to lie in the window, whatever the attempt reached.
    """
    best: dict[datetime, Attempt] = {}
    for place, entry in enumerate(track):
        opens = bool(entry.steps) if rules.order == "unordered" else 1 in entry.steps
        if not opens or not _in_range(entry.at, rules, zone):
            continue
        times = times_of(place, track, rules)
        found = Attempt(entry.unit, times, worth_of(place, times, track, rules))
        known = best.get(entry.at)
        if known is None or _rank(found, rules) < _rank(known, rules):
            best[entry.at] = found
    kept = [best[at] for at in sorted(best)]
    if rules.entry_mode == "first":
        kept = kept[:1]
    standing = [
        one
        for one in kept
        if not _is_void(one, track, rules)
        and (step is None or _has_step_in_window(one, track, rules, step))
    ]
    return _separate(standing, rules) if rules.counting == "totals" else standing


def _rank(attempt: Attempt, rules: FunnelRules) -> tuple[int, datetime, bool, Decimal]:
    worth = attempt.worth if rules.order == "ordered" else None
    return (
        *(-attempt.reached_step, attempt.times[-1]),
        *(worth is None, -(worth or Decimal(0))),
    )


def _has_step_in_window(
    attempt: Attempt, track: Track, rules: FunnelRules, step: int
) -> bool:
    start = attempt.times[0]
    return any(
        step in event.steps and start <= event.at <= start + rules.window
        for event in track
    )


def _is_void(attempt: Attempt, track: Track, rules: FunnelRules) -> bool:
    times = attempt.times
    for place, part in enumerate(rules.exclusions):
        if len(times) < part.from_step:
            continue
        is_reached = len(times) >= part.to_step
        end = times[part.to_step - 1] if is_reached else times[0] + rules.window
        start = times[part.from_step - 1]
        if any(place in e.exclusions and start < e.at < end for e in track):
            return True
    return False


def _separate(attempts: Sequence[Attempt], rules: FunnelRules) -> list[Attempt]:
    """Keep attempts that do not overlap: conversions as they end, then the others."""
    kept: list[Attempt] = []
    done = [one for one in attempts if one.reached_step == rules.steps]
    for one in sorted(done, key=lambda a: (a.times[-1], -a.times[0].timestamp())):
        if not kept or one.times[0] > kept[-1].times[-1]:
            kept.append(one)
    failed: list[Attempt] = []
    rest = [one for one in attempts if one.reached_step < rules.steps]
    for one in sorted(rest, key=lambda a: a.times[0]):
        is_apart = all(
            one.times[0] > other.times[-1] or one.times[-1] < other.times[0]
            for other in kept
        )
        if is_apart and (not failed or one.times[0] > failed[-1].times[-1]):
            failed.append(one)
    return kept + failed
