"""Experiments counted one unit and one look after the other, in plain Python.

Every figure is computed from the events themselves, without sums that grow from day to
day. Not here: the logs (`experiment_logs`), and reading the warehouse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
UTC = ZoneInfo("UTC")
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
VARIANTS = ("control", "green")
PRODUCTS = ("yy", "yd", "yx", "yw", "dd", "dx", "dw", "xx", "xw", "ww")

Values = tuple[Decimal, Decimal, Decimal, Decimal]
# Experiment, metric, whether capped, view, dimension, group, day or k, and variant.
Key = tuple[str, str, bool, str, str, str, object, str]


@dataclass(frozen=True)
class Event:
    """One event; `at` is UTC without a zone."""

    id: str
    name: str
    at: datetime
    person: str
    variant: str | None = None
    platform: str | None = None
    amount: Decimal | None = None
    is_bot: bool = False

    @property
    def day(self) -> date:
        return local_date(self.at)


@dataclass(frozen=True)
class Amount:
    """What one event adds, and when what led to it began."""

    person: str
    at: datetime
    since: datetime
    amount: Decimal
    told_apart: str | None = None


Stream = Callable[[Sequence[Event]], Iterator[Amount]]


@dataclass(frozen=True)
class Metric:
    """A metric of an experiment; `day` is set of a retention, `window` of others.

    With `quantile` it is one of single amounts, and not of totals of units.
    """

    name: str
    numerator: Stream
    denominator: Stream | None = None
    is_flag: bool = False
    is_denominator_flag: bool = False
    window: timedelta | None = None
    day: int | None = None
    caps: tuple[Decimal | None, Decimal | None] | None = None
    quantile: float | None = None

    @property
    def days(self) -> int:
        """Days, from that of an exposure, after which nothing counts any more."""
        if self.window is not None:
            return -(-self.window // DAY)
        assert self.day is not None
        return self.day + 1


@dataclass(frozen=True)
class Experiment:
    """What a catalog declares, as far as figures depend on it."""

    name: str
    metrics: tuple[Metric, ...]
    start: date | None
    end: date | None
    covariate_days: int
    slice_limit: int


@dataclass(frozen=True)
class Unit:
    """A unit that takes part."""

    person: str
    variant: str
    exposed_at: datetime
    conflict: date | None
    platform: str

    @property
    def day(self) -> date:
        return local_date(self.exposed_at)

    def counts_on(self, day: date) -> bool:
        return self.conflict is None or day < self.conflict


def local_date(at: datetime) -> date:
    return at.replace(tzinfo=UTC).astimezone(ZONE).date()


def days_between(first: date, last: date) -> list[date]:
    return [first + DAY * number for number in range((last - first).days + 1)]


# --- streams ------------------------------------------------------------------------


def counted(name: str) -> Stream:
    def stream(log: Sequence[Event]) -> Iterator[Amount]:
        for event in log:
            if event.name == name and not event.is_bot:
                yield Amount(event.person, event.at, event.at, Decimal(1))

    return stream


def summed(name: str) -> Stream:
    def stream(log: Sequence[Event]) -> Iterator[Amount]:
        for event in log:
            if event.name == name and not event.is_bot and event.amount is not None:
                yield Amount(event.person, event.at, event.at, event.amount)

    return stream


def with_amount(name: str) -> Stream:
    def stream(log: Sequence[Event]) -> Iterator[Amount]:
        for one in summed(name)(log):
            yield Amount(one.person, one.at, one.since, Decimal(1))

    return stream


def platforms_of(name: str) -> Stream:
    """Platforms that are told apart: a unit has each of them once."""

    def stream(log: Sequence[Event]) -> Iterator[Amount]:
        for event in log:
            if event.name == name and not event.is_bot and event.platform is not None:
                yield Amount(
                    event.person, event.at, event.at, Decimal(1), event.platform
                )

    return stream


def timed(base: str, name: str, window: timedelta, *, counts: bool = False) -> Stream:
    """Seconds (or 1) from each base event to the first conversion credited to it."""

    def stream(log: Sequence[Event]) -> Iterator[Amount]:
        first: dict[tuple[str, datetime], datetime] = {}
        for one in converted(base, name, window)(log):
            place = (one.person, one.since)
            first[place] = min(one.at, first.get(place, one.at))
        for (person, since), at in first.items():
            seconds = Decimal((at - since) // MICROSECOND) / 1_000_000
            yield Amount(person, at, since, Decimal(1) if counts else seconds)

    return stream


def converted(base: str, name: str, window: timedelta) -> Stream:
    """Conversions, credited to the latest base event before or with them."""

    def stream(log: Sequence[Event]) -> Iterator[Amount]:
        seen = [event for event in log if not event.is_bot]
        for event in seen:
            if event.name != name:
                continue
            bases = [
                other.at
                for other in seen
                if (other.name, other.person) == (base, event.person)
                and other.at <= event.at
            ]
            if bases and event.at - max(bases) < window:
                yield Amount(event.person, event.at, max(bases), Decimal(1))

    return stream


def completed(first: str, last: str, window: timedelta) -> Stream:
    """Attempts at a funnel of two steps: the first last step after each entry."""

    def stream(log: Sequence[Event]) -> Iterator[Amount]:
        seen = [event for event in log if not event.is_bot]
        for event in seen:
            if event.name != first:
                continue
            ends = [
                other.at
                for other in seen
                if (other.name, other.person) == (last, event.person)
                and event.at <= other.at <= event.at + window
            ]
            if ends:
                yield Amount(event.person, min(ends), event.at, Decimal(1))

    return stream


# --- who takes part -------------------------------------------------------------------


def units_of(experiment: Experiment, log: Sequence[Event]) -> list[Unit]:
    sightings: dict[str, list[Event]] = {}
    for event in log:
        in_dates = (experiment.start is None or event.day >= experiment.start) and (
            experiment.end is None or event.day < experiment.end
        )
        of_it = event.name == "exposed" and event.person.startswith(experiment.name)
        if of_it and in_dates and not event.is_bot:
            sightings.setdefault(event.person, []).append(event)
    units = []
    for person, seen in sightings.items():
        first = min(seen, key=lambda one: (one.at, variant_of(one), one.id))
        variant = variant_of(first)
        others = [one.day for one in seen if variant_of(one) != variant]
        unit = Unit(
            person,
            variant,
            first.at,
            min(others, default=None),
            first.platform or "(none)",
        )
        if variant in VARIANTS and unit.counts_on(unit.day):
            units.append(unit)
    return units


def variant_of(event: Event) -> str:
    return event.variant or "(none)"


# --- figures of one unit --------------------------------------------------------------


@dataclass(frozen=True)
class Figures:
    """What one metric reads of the whole log, for one experiment."""

    experiment: Experiment
    metric: Metric
    log: Sequence[Event]
    start: date

    @cached_property
    def sides(self) -> tuple[list[Amount], list[Amount]]:
        below = self.metric.denominator
        return list(self.metric.numerator(self.log)), list(
            below(self.log) if below else ()
        )

    @cached_property
    def caps(self) -> tuple[Decimal | None, Decimal | None]:
        """Quantiles of the totals of all units that had anything before the start."""
        assert self.metric.caps is not None
        assert self.metric.window is not None
        days = -(-self.metric.window // DAY)
        totals: dict[str, Decimal] = {}
        for one in self.sides[0]:
            if self.start - DAY * days <= local_date(one.at) < self.start:
                totals[one.person] = totals.get(one.person, Decimal(0)) + one.amount
        ordered = sorted(totals.values())
        found = []
        for share in self.metric.caps:
            enough = [
                total
                for place, total in enumerate(ordered, start=1)
                if share is not None and place >= float(share) * len(ordered)
            ]
            found.append(enough[0] if enough else None)
        return found[0], found[1]

    def matures_on(self, unit: Unit) -> date:
        if self.metric.day is not None:
            return unit.day + DAY * self.metric.day
        assert self.metric.window is not None
        return local_date(unit.exposed_at + self.metric.window - MICROSECOND)

    def until(self, unit: Unit, day: date) -> tuple[Decimal, Decimal]:
        """Numerator and denominator from the exposure to the end of a day."""
        return self._totals(
            unit, lambda one: local_date(one.at) <= day and self._counts(one, unit)
        )

    def amounts(self, unit: Unit, first: date, last: date) -> list[Decimal]:
        """Single amounts from the exposure on, on some days."""
        return [
            one.amount
            for one in self.sides[0]
            if one.person == unit.person
            and first <= local_date(one.at) <= last
            and self._counts(one, unit)
        ]

    def before(self, unit: Unit) -> tuple[Decimal, Decimal]:
        """Numerator and denominator of the days before that of the exposure."""
        first = unit.day - DAY * self.experiment.covariate_days
        return self._totals(unit, lambda one: first <= local_date(one.at) < unit.day)

    def _counts(self, one: Amount, unit: Unit) -> bool:
        if one.since < unit.exposed_at:
            return False
        if self.metric.day is not None:
            return local_date(one.at) == unit.day + DAY * self.metric.day
        assert self.metric.window is not None
        return one.at < unit.exposed_at + self.metric.window

    def _totals(
        self, unit: Unit, which: Callable[[Amount], bool]
    ) -> tuple[Decimal, Decimal]:
        flags = (self.metric.is_flag, self.metric.is_denominator_flag)
        found = []
        for side, is_flag in zip(self.sides, flags, strict=True):
            chosen = [one for one in side if one.person == unit.person and which(one)]
            apart = {one.told_apart: one for one in chosen if one.told_apart}
            total = sum(
                (one.amount for one in (apart.values() if apart else chosen)),
                Decimal(0),
            )
            found.append(min(total, Decimal(1)) if is_flag else total)
        return found[0], found[1]

    def cut(self, total: Decimal, is_capped: bool) -> Decimal:
        if not is_capped:
            return total
        lower, upper = self.caps
        total = total if upper is None else min(total, upper)
        return total if lower is None else max(total, lower)


# --- rows -----------------------------------------------------------------------------


def expected_rows(
    experiment: Experiment, log: Sequence[Event], last: date
) -> dict[Key, list[Values]]:
    """The values of every unit behind every row; units that do nothing are zeros."""
    units = units_of(experiment, log)
    days_of_units = [unit.day for unit in units]
    start = experiment.start or min(days_of_units, default=None)
    if start is None:
        return {}
    last = last_look(experiment, last)
    rows: dict[Key, list[Values]] = {}
    for metric in experiment.metrics:
        if metric.quantile is not None:
            continue
        figures = Figures(experiment, metric, log, start)
        for is_capped in (False, True) if metric.caps else (False,):
            for unit in units:
                for view, at, values in _views(figures, unit, is_capped, start, last):
                    for dimension, group in _groups(experiment, units, unit):
                        key = (
                            *(experiment.name, metric.name, is_capped, view),
                            *(dimension, group, at, unit.variant),
                        )
                        rows.setdefault(key, []).append(values)
    return rows


def expected_amounts(
    experiment: Experiment, log: Sequence[Event], last: date
) -> dict[Key, list[list[Decimal]]]:
    """The single amounts of every unit behind every quantile, by metric and look."""
    units = units_of(experiment, log)
    start = experiment.start or min((unit.day for unit in units), default=None)
    last = last_look(experiment, last)
    rows: dict[Key, list[list[Decimal]]] = {}
    for metric in experiment.metrics:
        if metric.quantile is None or start is None:
            continue
        figures = Figures(experiment, metric, log, start)
        for unit in units:
            for view, at, first, until in _looks(figures, unit, start, last):
                amounts = figures.amounts(unit, first, until)
                for dimension, group in _groups(experiment, units, unit):
                    key = (
                        *(experiment.name, metric.name, False, view),
                        *(dimension, group, at, unit.variant),
                    )
                    rows.setdefault(key, []).append(amounts)
    return rows


def last_look(experiment: Experiment, last: date) -> date:
    """Looks end with the last window that may close after the end."""
    if experiment.end is None:
        return last
    longest = max(metric.days for metric in experiment.metrics)
    return min(last, experiment.end + DAY * longest)


def _groups(
    experiment: Experiment, units: Sequence[Unit], unit: Unit
) -> Iterable[tuple[str, str]]:
    """All, and the unit's group: by its name among the first, else as one of others."""
    in_order = sorted(units, key=lambda one: (one.exposed_at, one.platform))
    seen = list(dict.fromkeys(one.platform for one in in_order))
    is_named = seen.index(unit.platform) < experiment.slice_limit
    return [("all", "all"), ("platform", unit.platform if is_named else "Other")]


def _looks(
    figures: Figures, unit: Unit, start: date, last: date
) -> Iterator[tuple[str, object, date, date]]:
    """Looks at which a unit is counted: view, when, and first and last day told of."""
    matures = figures.matures_on(unit)
    for day in days_between(start, last):
        if unit.day <= day and unit.counts_on(day):
            yield "cumulative", day, unit.day, day
            yield "calendar_day", day, day, day
            if matures <= day:
                yield "closed", day, unit.day, day
    window = figures.metric.window
    longest = figures.metric.day if window is None else -(-window // DAY)
    for k in range((longest or 0) + 1):
        day = unit.day + DAY * k
        if day <= last and unit.counts_on(day):
            yield "day_since_exposure", k, day, day


def _views(
    figures: Figures, unit: Unit, is_capped: bool, start: date, last: date
) -> Iterator[tuple[str, object, Values]]:
    x, w = figures.before(unit)
    x = figures.cut(x, is_capped)

    def total(day: date) -> tuple[Decimal, Decimal]:
        y, d = figures.until(unit, day)
        return figures.cut(y, is_capped), d

    for view, at, first, until in _looks(figures, unit, start, last):
        y, d = total(until)
        if view in ("calendar_day", "day_since_exposure"):
            p, q = total(first - DAY)
            y, d = y - p, d - q
        yield view, at, (y, d, x, w)


def summed_up(values: Sequence[Values], shift: Values) -> dict[str, Decimal]:
    """Sums and sums of products of values less their shift."""
    names = "ydxw"
    moved = [
        {name: one - off for name, one, off in zip(names, row, shift, strict=True)}
        for row in values
    ]
    sums = {name: sum((row[name] for row in moved), Decimal(0)) for name in names}
    products = {
        a + b: sum((row[a] * row[b] for row in moved), Decimal(0)) for a, b in PRODUCTS
    }
    return sums | products
