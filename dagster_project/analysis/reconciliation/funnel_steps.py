"""The steps that one entry of a funnel leads to, by its order, and what they are worth.

Here belong strict, ordered and unordered chains, and ties; which entries there are and
which attempts count belongs to `funnels`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal


@dataclass(frozen=True)
class Exclusion:
    """Steps, counted from 1, between which an event of some kind voids an attempt."""

    from_step: int
    to_step: int


@dataclass(frozen=True)
class Breakdown:
    """How attempts are told apart: by a touch of the unit, or by their own events."""

    name: str
    attribution: str
    step: int | None = None

    @property
    def is_of_touch(self) -> bool:
        """Whether one value holds for all attempts of a unit."""
        return self.attribution in ("first_touch", "last_touch")


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
    breakdowns: tuple[Breakdown, ...] = ()
    is_valued: bool = False

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
    ``groups``: its value in each breakdown. ``worth``: of a conversion that it ends.
    """

    event_id: str
    unit: str
    at: datetime
    steps: frozenset[int] = frozenset()
    first_of: frozenset[int] = frozenset()
    exclusions: frozenset[int] = frozenset()
    held: tuple[str | None, ...] = ()
    is_taken: bool = True
    groups: tuple[str | None, ...] = ()
    worth: Decimal | None = None


def times_of(
    place: int, track: Sequence[FunnelEvent], rules: FunnelRules
) -> tuple[datetime, ...]:
    """Give the times of the steps that an entry leads to."""
    entry = track[place]
    ends = entry.at + rules.window
    if rules.order == "strict":
        return tuple(_strict(track[place : place + rules.steps], rules, ends))
    within = _between(track, entry.at, ends)
    if rules.order == "unordered":
        later = [event for event in within if event.at > entry.at]
        return tuple(_unordered([entry, *later], rules))
    if rules.ties == "in_order":
        return tuple(_in_any_order_of_ties(entry, within, rules))
    return tuple(event.at for event in _one_after_another(entry, within, rules))


def worth_of(
    place: int,
    times: Sequence[datetime],
    track: Sequence[FunnelEvent],
    rules: FunnelRules,
) -> Decimal | None:
    """Give what an entry's conversion is worth: what an event of the last step says.

    Of several at one instant the highest counts, where their order does not tell which
    one it was. Where steps come in any order, it is the first from the entry on.
    """
    if not rules.is_valued or len(times) < rules.steps:
        return None
    entry = track[place]
    if rules.order == "strict":
        return track[place + rules.steps - 1].worth
    if rules.order == "unordered" and rules.steps in entry.steps:
        return entry.worth
    if rules.order == "ordered" and rules.ties == "total_order":
        within = _between(track, entry.at, entry.at + rules.window)
        return list(_one_after_another(entry, within, rules))[-1].worth
    at = times[-1]
    if rules.order == "unordered":
        at = min(e.at for e in track if e.at > entry.at and rules.steps in e.steps)
    ends = [e for e in _between(track, at, at) if rules.steps in e.steps]
    return max((e.worth for e in ends if e.worth is not None), default=None)


def _between(
    track: Sequence[FunnelEvent], first: datetime, last: datetime
) -> Sequence[FunnelEvent]:
    start = bisect_left(track, first, key=lambda event: event.at)
    return track[start : bisect_right(track, last, key=lambda event: event.at)]


def _strict(
    following: Sequence[FunnelEvent], rules: FunnelRules, ends: datetime
) -> Iterator[datetime]:
    for step, event in enumerate(following, start=1):
        if step not in event.steps or event.at > ends:
            return
        yield event.at


def _one_after_another(
    entry: FunnelEvent, within: Sequence[FunnelEvent], rules: FunnelRules
) -> Iterator[FunnelEvent]:
    yield entry
    last = entry
    for step in range(2, rules.steps + 1):
        later = (e for e in within if step in e.steps and _follows(last, e, rules))
        found = next(later, None)
        if found is None:
            return
        yield found
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
