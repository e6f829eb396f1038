"""Attempts at a funnel, by trying every entry of every person in turn.

Each event of step 1 opens an attempt; from there the earliest event of each further
step is looked for, within the window. Here belong the attempts over the whole of a
funnel; its breakdowns, and counting by accounts, are not recomputed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dagster_project.analysis.reconciliation.events import local_time


@dataclass(frozen=True)
class Exclusion:
    """Steps, counted from 1, between which an event of some kind voids an attempt."""

    from_step: int
    to_step: int


@dataclass(frozen=True)
class FunnelRules:
    """The parameters of a funnel, by the names of the catalog."""

    steps: int
    window: timedelta
    order: str = "ordered"
    ties: str = "in_order"
    entry_mode: str = "any"
    exclusions: tuple[Exclusion, ...] = ()
    range_from: datetime | None = None
    range_to: datetime | None = None
    range_applies_to: str = "entry"
    counting: str = "uniques"
    first_time_steps: frozenset[int] = frozenset()

    @property
    def needs_whole_life(self) -> bool:
        """Whether an event may change attempts however much later."""
        return (
            self.entry_mode == "first"
            or self.counting in ("totals", "sessions")
            or bool(self.first_time_steps)
        )


@dataclass(frozen=True)
class FunnelEvent:
    """What one event is to a funnel.

    ``steps``: the steps, from 1, whose filter it passes. ``first_of``: the steps for
    which it counts when a person's first event is looked for. ``exclusions``: places of
    the exclusions it belongs to. ``is_taken``: it passes the filter of the funnel.
    """

    event_id: str
    unit: str
    at: datetime
    steps: frozenset[int] = frozenset()
    first_of: frozenset[int] = frozenset()
    exclusions: frozenset[int] = frozenset()
    held: tuple[str | None, ...] = ()
    is_taken: bool = True


@dataclass(frozen=True)
class Attempt:
    """An attempt that counts, with the times of the steps it reached."""

    unit: str
    times: tuple[datetime, ...]

    @property
    def reached_step(self) -> int:
        """The last step it reached, from 1."""
        return len(self.times)


def attempts_of(
    events: Sequence[FunnelEvent], rules: FunnelRules, zone: ZoneInfo
) -> list[Attempt]:
    """Give the attempts of all units; ``events`` in any order."""
    history = sorted(events, key=lambda one: (one.at, one.event_id))
    tracks: dict[tuple[str | None, ...], list[FunnelEvent]] = defaultdict(list)
    for event in _with_first_times(history, rules):
        is_late = rules.range_applies_to == "all_events" and not _in_range(
            event.at, rules, zone
        )
        if event.is_taken and None not in event.held and not is_late:
            tracks[(event.unit, *event.held)].append(event)
    return [
        attempt
        for track in tracks.values()
        for attempt in _attempts_of_track(track, rules, zone)
    ]


def _with_first_times(
    history: Sequence[FunnelEvent], rules: FunnelRules
) -> Iterator[FunnelEvent]:
    """Take steps away from events that are not the first of their kind."""
    seen: set[tuple[str, int]] = set()
    for event in history:
        firsts = {step for step in event.first_of if (event.unit, step) not in seen}
        seen |= {(event.unit, step) for step in firsts}
        steps = frozenset(
            step
            for step in event.steps
            if step not in rules.first_time_steps or step in firsts
        )
        yield FunnelEvent(
            event.event_id,
            event.unit,
            event.at,
            steps,
            exclusions=event.exclusions,
            held=event.held,
            is_taken=event.is_taken,
        )


def _in_range(at: datetime, rules: FunnelRules, zone: ZoneInfo) -> bool:
    local = local_time(at, zone)
    return (rules.range_from is None or local >= rules.range_from) and (
        rules.range_to is None or local < rules.range_to
    )


def _attempts_of_track(
    track: Sequence[FunnelEvent], rules: FunnelRules, zone: ZoneInfo
) -> list[Attempt]:
    """Entries of one instant are one attempt: the one that leads farthest, first."""
    best: dict[datetime, Attempt] = {}
    for place, entry in enumerate(track):
        opens = bool(entry.steps) if rules.order == "unordered" else 1 in entry.steps
        if not opens or not _in_range(entry.at, rules, zone):
            continue
        found = Attempt(entry.unit, _times(place, track, rules))
        known = best.get(entry.at)
        if known is None or _rank(found) < _rank(known):
            best[entry.at] = found
    kept = [best[at] for at in sorted(best)]
    if rules.entry_mode == "first":
        kept = kept[:1]
    standing = [one for one in kept if not _is_void(one, track, rules)]
    return _separate(standing, rules) if rules.counting == "totals" else standing


def _rank(attempt: Attempt) -> tuple[int, datetime]:
    return (-attempt.reached_step, attempt.times[-1])


def _times(
    place: int, track: Sequence[FunnelEvent], rules: FunnelRules
) -> tuple[datetime, ...]:
    """Give the times of the steps that an entry leads to."""
    entry = track[place]
    ends = entry.at + rules.window
    if rules.order == "strict":
        return tuple(_strict(track[place : place + rules.steps], rules, ends))
    first = bisect_left(track, entry.at, key=lambda event: event.at)
    last = bisect_right(track, ends, key=lambda event: event.at)
    within = track[first:last]
    if rules.order == "unordered":
        later = [event for event in within if event.at > entry.at]
        return tuple(_unordered([entry, *later], rules))
    if rules.ties == "in_order":
        return tuple(_in_any_order_of_ties(entry, within, rules))
    return tuple(_one_after_another(entry, within, rules))


def _strict(
    following: Sequence[FunnelEvent], rules: FunnelRules, ends: datetime
) -> Iterator[datetime]:
    for step, event in enumerate(following, start=1):
        if step not in event.steps or event.at > ends:
            return
        yield event.at


def _one_after_another(
    entry: FunnelEvent, within: Sequence[FunnelEvent], rules: FunnelRules
) -> Iterator[datetime]:
    yield entry.at
    last = entry
    for step in range(2, rules.steps + 1):
        later = (e for e in within if step in e.steps and _follows(last, e, rules))
        found = next(later, None)
        if found is None:
            return
        yield found.at
        last = found


def _follows(last: FunnelEvent, event: FunnelEvent, rules: FunnelRules) -> bool:
    if rules.ties == "strict_increase":
        return event.at > last.at
    return (event.at, event.event_id) > (last.at, last.event_id)


def _in_any_order_of_ties(
    entry: FunnelEvent, within: Sequence[FunnelEvent], rules: FunnelRules
) -> Iterator[datetime]:
    """Equal times count as in order, and one event fills one step only.

    Events at one instant that are the same steps are alike: what was used of each kind
    is all that later steps at that instant must know.
    """
    instants: dict[datetime, Counter[frozenset[int]]] = defaultdict(Counter)
    for event in within:
        instants[event.at][event.steps] += 1
    at = entry.at
    used = _with_one_more({frozenset()}, instants[at], 1)
    yield at
    for step in range(2, rules.steps + 1):
        further = _with_one_more(used, instants[at], step)
        if not further:
            times = [e.at for e in within if e.at > at and step in e.steps]
            if not times:
                return
            at = min(times)
            further = _with_one_more({frozenset()}, instants[at], step)
        used = further
        yield at


_Used = frozenset[tuple[frozenset[int], int]]


def _with_one_more(
    states: set[_Used], kinds: Counter[frozenset[int]], step: int
) -> set[_Used]:
    """Give all ways of using one more event of an instant, for a step."""
    found: set[_Used] = set()
    for state in states:
        counts = dict(state)
        for kind, there in kinds.items():
            taken = counts.get(kind, 0)
            if step in kind and taken < there:
                found.add(frozenset((counts | {kind: taken + 1}).items()))
    return found


def _unordered(events: Sequence[FunnelEvent], rules: FunnelRules) -> Iterator[datetime]:
    """Give the times at which one more step can be filled, each by its own event."""
    filled: dict[int, FunnelEvent] = {}
    for event in events:
        if len(filled) == rules.steps:
            return
        if _finds_place(event, filled, set()):
            yield event.at


def _finds_place(
    event: FunnelEvent, filled: dict[int, FunnelEvent], tried: set[int]
) -> bool:
    """Fill a free step, or one whose event can move to another."""
    for step in sorted(event.steps - tried):
        tried.add(step)
        if step not in filled or _finds_place(filled[step], filled, tried):
            filled[step] = event
            return True
    return False


def _is_void(
    attempt: Attempt, track: Sequence[FunnelEvent], rules: FunnelRules
) -> bool:
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
