"""Attempts at funnels by brute force: every chain of events of a unit is tried.

Belongs here: the rules in plain Python, exponential where that is the plainest. It
shares nothing with the models. Not here: the figures made of attempts
(`funnel_figures`), random logs (`funnel_logs`) and the comparison
(`test_funnel_oracle`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Log = Sequence["Event"]


@dataclass(frozen=True)
class Event:
    """One event; `at` is UTC."""

    id: str
    name: str
    at: datetime
    person: str
    platform: str | None = None
    country: str | None = None
    account: str | None = None
    session: str | None = None
    worth: int | None = None


@dataclass(frozen=True)
class Match:
    """Events of some names, and of a platform if one is named."""

    names: tuple[str, ...]
    platform: str | None = None
    first_time: str | None = None

    def holds(self, event: Event) -> bool:
        fits = self.platform is None or event.platform == self.platform
        return event.name in self.names and fits


@dataclass(frozen=True)
class Exclusion:
    match: Match
    first: int
    last: int


@dataclass(frozen=True)
class Breakdown:
    by: tuple[str, ...]
    attribution: str
    step: int | None = None
    limit: int = 25


@dataclass(frozen=True)
class Funnel:
    """The parameters of a funnel, by the names of the catalog."""

    steps: tuple[Match, ...]
    window: timedelta
    order: str = "ordered"
    ties: str = "in_order"
    entry_mode: str = "any"
    where: str | None = None
    exclusions: tuple[Exclusion, ...] = ()
    range_from: datetime | None = None
    range_to: datetime | None = None
    range_applies_to: str = "entry"
    breakdown: Breakdown | None = None
    hold_constant: tuple[str, ...] = ()
    counting: str = "uniques"


@dataclass(frozen=True)
class Attempt:
    """An attempt that counts: ids, the times of the steps reached, and its worth."""

    id: str
    unit: str
    times: tuple[datetime, ...]
    worth: int | None = field(compare=False, default=None)

    @property
    def level(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class Roles:
    """What each event of a log is to a funnel."""

    steps: tuple[frozenset[str], ...]
    exclusions: tuple[frozenset[str], ...]

    def is_step(self, event: Event) -> bool:
        return any(event.id in ids for ids in self.steps)


class Oracle:
    """The attempts at one funnel in one log."""

    def __init__(
        self,
        funnel: Funnel,
        log: Log,
        zone: str,
    ) -> None:
        self.funnel = funnel
        self.zone = ZoneInfo(zone)
        unit = {
            "accounts": lambda event: event.account,
            "sessions": lambda event: event.session,
        }.get(funnel.counting, lambda event: event.person)
        self.unit: Callable[[Event], str | None] = unit
        history = sorted(
            (event for event in log if unit(event)), key=lambda e: (e.at, e.id)
        )
        self.roles = self._roles(history)
        self.log = [event for event in history if self._takes_part(event)]

    def local(self, utc: datetime) -> datetime:
        """Give the wall clock of the reporting zone."""
        return utc.replace(tzinfo=UTC).astimezone(self.zone).replace(tzinfo=None)

    def utc(self, local: datetime) -> datetime:
        """Give the instant of a wall clock."""
        return local.replace(tzinfo=self.zone).astimezone(UTC).replace(tzinfo=None)

    def _roles(self, history: Log) -> Roles:
        steps = []
        for step in self.funnel.steps:
            matching = [event for event in history if step.holds(event)]
            if step.first_time is not None:
                firsts = self._firsts(step, history)
                matching = [event for event in matching if event.id in firsts]
            steps.append(frozenset(event.id for event in matching))
        exclusions = tuple(
            frozenset(event.id for event in history if part.match.holds(event))
            for part in self.funnel.exclusions
        )
        return Roles(tuple(steps), exclusions)

    def _firsts(self, step: Match, history: Log) -> set[str]:
        seen: dict[str | None, str] = {}
        for event in history:
            named = event.name in step.names
            fits = named if step.first_time == "first_ever" else step.holds(event)
            if fits:
                seen.setdefault(self.unit(event), event.id)
        return set(seen.values())

    def _takes_part(self, event: Event) -> bool:
        funnel = self.funnel
        if funnel.where is not None and event.platform != funnel.where:
            return False
        if any(getattr(event, name) is None for name in funnel.hold_constant):
            return False
        if funnel.range_applies_to == "all_events":
            return self.in_range(event.at)
        return True

    def in_range(self, at: datetime, beyond: timedelta = timedelta(0)) -> bool:
        """Say whether an instant lies in the range, or so long after it."""
        funnel, local = self.funnel, self.local(at)
        return (funnel.range_from is None or local >= funnel.range_from) and (
            funnel.range_to is None or local < funnel.range_to + beyond
        )

    def attempts(self, breakdown: Breakdown | None) -> Iterator[tuple[str, Attempt]]:
        """Give every attempt with its group; of None, the group is `all`."""
        tracks: dict[tuple[Any, ...], list[Event]] = defaultdict(list)
        for event in self.log:
            held = tuple(getattr(event, name) for name in self.funnel.hold_constant)
            tracks[(self.unit(event), *held)].append(event)
        for (unit, *_), events in tracks.items():
            for group, part, roles in self._split(breakdown, events):
                found = self._of_track(str(unit), part, roles)
                if breakdown is not None and breakdown.step is not None:
                    ids = roles.steps[breakdown.step - 1]
                    found = [
                        attempt
                        for attempt in found
                        if any(
                            timedelta(0)
                            <= e.at - attempt.times[0]
                            <= self.funnel.window
                            for e in part
                            if e.id in ids
                        )
                    ]
                if self.funnel.counting == "totals":
                    found = self._separate(found)
                for attempt in found:
                    yield group, attempt

    def _is_within(self, event: Event, attempt: Attempt) -> bool:
        return timedelta(0) <= event.at - attempt.times[0] <= self.funnel.window

    def _split(
        self, breakdown: Breakdown | None, events: Log
    ) -> Iterator[tuple[str, Log, Roles]]:
        if breakdown is None:
            yield "all", events, self.roles
            return
        values = {event.id: group_of(breakdown, event) or "(none)" for event in events}
        if breakdown.attribution == "all_events":
            for value in set(values.values()):
                same = [event for event in events if values[event.id] == value]
                yield value, same, self.roles
            return
        assert breakdown.step is not None
        index = breakdown.step - 1
        for value in {values[e.id] for e in events if e.id in self.roles.steps[index]}:
            steps = list(self.roles.steps)
            steps[index] = frozenset(i for i in steps[index] if values.get(i) == value)
            yield value, events, Roles(tuple(steps), self.roles.exclusions)

    def _of_track(self, unit: str, events: Log, roles: Roles) -> list[Attempt]:
        """Entries of one instant are one attempt: the one that leads farthest."""
        attempts: dict[datetime, Attempt] = {}
        for entry in self._entries(events, roles):
            times = self._times(entry, events, roles)
            worth = self._worth(entry, times, events, roles)
            held = [getattr(entry, name) for name in self.funnel.hold_constant]
            name = " ".join([unit, *held, str(entry.at)])
            found = Attempt(name, unit, times, worth)
            known = attempts.get(entry.at)
            better = known and (-known.level, known.times[-1]) <= (
                -found.level,
                times[-1],
            )
            if known is None or not better or self._is_worthier(found, known):
                attempts[entry.at] = found
        kept = [attempts[at] for at in sorted(attempts)]
        if self.funnel.entry_mode == "first":
            kept = kept[:1]
        return [one for one in kept if not self._is_void(one, events, roles)]

    def _is_worthier(self, found: Attempt, known: Attempt) -> bool:
        """Of attempts that are alike, the worthier; of other orders, the first id."""
        same = found.times == known.times and self.funnel.order == "ordered"
        return same and (found.worth or 0) > (known.worth or 0)

    def _entries(self, events: Log, roles: Roles) -> list[Event]:
        opens = roles.is_step if self.funnel.order == "unordered" else None
        return [
            event
            for event in events
            if (opens(event) if opens else event.id in roles.steps[0])
            and self.in_range(event.at)
        ]

    def _times(self, entry: Event, events: Log, roles: Roles) -> tuple[datetime, ...]:
        ends = entry.at + self.funnel.window
        within = [event for event in events if entry.at <= event.at <= ends]
        if self.funnel.order == "strict":
            return tuple(self._strict(entry, within, roles))
        if self.funnel.order == "unordered":
            later = [event for event in within if event.at > entry.at]
            return tuple(unordered_times(entry, later, roles.steps))
        firsts = (
            [e for e in within if e.at == entry.at and e.id in roles.steps[0]]
            if self.funnel.ties == "in_order"
            else [entry]
        )
        times = {1: entry.at}
        for first in firsts:
            self._chains([first], within, roles, times)
        return tuple(times[step] for step in sorted(times))

    def _chains(
        self, chain: list[Event], within: Log, roles: Roles, times: dict[int, datetime]
    ) -> None:
        """Try every chain, and keep the earliest time of each length."""
        length, last = len(chain), chain[-1]
        times[length] = min(times.get(length, last.at), last.at)
        if length == len(roles.steps):
            return
        for event in within:
            if event.id in roles.steps[length] and self._follows(last, event, chain):
                self._chains([*chain, event], within, roles, times)

    def _follows(self, last: Event, event: Event, chain: list[Event]) -> bool:
        if self.funnel.ties == "strict_increase":
            return event.at > last.at
        if self.funnel.ties == "total_order":
            return (event.at, event.id) > (last.at, last.id)
        return event.at >= last.at and event not in chain

    def _strict(self, entry: Event, within: Log, roles: Roles) -> Iterator[datetime]:
        start = within.index(entry)
        for ids, event in zip(roles.steps, within[start:], strict=False):
            if event.id not in ids:
                return
            yield event.at

    def _worth(
        self,
        entry: Event,
        times: tuple[datetime, ...],
        events: Log,
        roles: Roles,
    ) -> int | None:
        """Of events at one instant that are alike, the highest counts."""
        ids = roles.steps[-1]
        if len(times) < len(roles.steps):
            return None
        if self.funnel.order == "strict":
            return events[list(events).index(entry) + len(times) - 1].worth
        if self.funnel.order == "unordered" and entry.id in ids:
            return entry.worth
        if self.funnel.order == "ordered" and self.funnel.ties == "total_order":
            return self._last_in_total_order(entry, events, roles).worth
        at = times[-1]
        if self.funnel.order == "unordered":
            at = min(e.at for e in events if e.at > entry.at and e.id in ids)
        return max(e.worth or 0 for e in events if e.at == at and e.id in ids)

    def _last_in_total_order(self, entry: Event, events: Log, roles: Roles) -> Event:
        last = entry
        for ids in roles.steps[1:]:
            later = [
                e for e in events if e.id in ids and (e.at, e.id) > (last.at, last.id)
            ]
            last = later[0]
        return last

    def _is_void(self, attempt: Attempt, events: Log, roles: Roles) -> bool:
        times, window = attempt.times, self.funnel.window
        for part, ids in zip(self.funnel.exclusions, roles.exclusions, strict=True):
            if len(times) < part.first:
                continue
            end = times[part.last - 1] if len(times) >= part.last else times[0] + window
            if any(times[part.first - 1] < e.at < end for e in events if e.id in ids):
                return True
        return False

    def _separate(self, attempts: list[Attempt]) -> list[Attempt]:
        """Conversions by their end, then the others by entry, each after the last."""
        full = len(self.funnel.steps)
        kept: list[Attempt] = []
        done = [attempt for attempt in attempts if attempt.level == full]
        for one in sorted(
            done, key=lambda a: (a.times[-1], -a.times[0].timestamp(), a.id)
        ):
            if not kept or one.times[0] > kept[-1].times[-1]:
                kept.append(one)
        failed: list[Attempt] = []
        rest = [attempt for attempt in attempts if attempt.level < full]
        for one in sorted(rest, key=lambda a: (a.times[0], a.id)):
            apart = all(
                one.times[0] > other.times[-1] or one.times[-1] < other.times[0]
                for other in kept
            )
            if apart and (not failed or one.times[0] > failed[-1].times[-1]):
                failed.append(one)
        return kept + failed


def group_of(breakdown: Breakdown, event: Event) -> str | None:
    """Give the group of an event, None where it has no value."""
    values = [getattr(event, name) for name in breakdown.by]
    if all(value is None for value in values):
        return None
    return json.dumps(values, separators=(",", ":")) if len(values) > 1 else values[0]


def unordered_times(
    entry: Event, later: Log, steps: Sequence[frozenset[str]]
) -> Iterator[datetime]:
    """Give the times at which one, two, ... different steps are done."""
    done = 0
    for count in range(len(later) + 1):
        events = [entry, *later[:count]]
        if filled(events, steps) > done:
            done += 1
            yield events[-1].at


def filled(events: Log, steps: Sequence[frozenset[str]]) -> int:
    """Give how many steps can be filled by different events, by trying all ways."""
    if not events:
        return 0
    first, rest = events[0], events[1:]
    best = filled(rest, steps)
    for index, ids in enumerate(steps):
        if first.id in ids:
            others = [*steps[:index], *steps[index + 1 :]]
            best = max(best, 1 + filled(rest, others))
    return best
