"""Attribution reckoned one conversion after the other, with exact fractions.

Belongs here: what a conversion's touches are and what each is credited with, as
SEMANTICS says it. Not here: SQL, rounding, incremental runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

MODELS = ("first", "last", "last_non_direct", "linear", "position", "time_decay")
NONE = "(none)"


@dataclass(frozen=True)
class Session:
    """A visit of a person; without a channel it is no touch."""

    session_id: str
    person: str
    started_at: datetime
    channel: str | None


@dataclass(frozen=True)
class Conversion:
    """A conversion of a person, or of nobody known."""

    person: str | None
    converted_at: datetime
    amount: Fraction


@dataclass(frozen=True)
class Rules:
    """The parameters of one attribution."""

    lookback_days: int = 30
    half_life_days: float = 7
    weights: tuple[int, int, int] = (40, 20, 40)
    direct: tuple[str, ...] = ("direct", "(direct)")
    collapses: bool = True


def touches_of(
    conversion: Conversion, sessions: Iterable[Session], rules: Rules
) -> list[Session]:
    """Give the sessions that led to a conversion, in their order."""
    back = timedelta(days=rules.lookback_days)
    found = [
        one
        for one in sessions
        if one.person == conversion.person
        and one.channel
        and conversion.converted_at - back <= one.started_at <= conversion.converted_at
    ]
    return sorted(found, key=lambda one: (one.started_at, one.session_id))


def shares(model: str, touches: Sequence[Session], rules: Rules) -> list[Fraction]:
    """Give the share of each touch; they add up to 1."""
    count = len(touches)
    if model == "first":
        return _all_to(0, count)
    if model == "last":
        return _all_to(count - 1, count)
    if model == "last_non_direct":
        others = [
            place
            for place, one in enumerate(touches)
            if str(one.channel).lower() not in rules.direct
        ]
        return _all_to(others[-1] if others else count - 1, count)
    if model == "linear":
        return [Fraction(1, count)] * count
    if model == "position":
        return _by_position(count, rules.weights)
    # From the newest on, lest a short half-life leaves no weight at all.
    newest = touches[-1].started_at
    days = [(newest - one.started_at) / timedelta(days=1) for one in touches]
    weights = [Fraction(2.0 ** (-age / rules.half_life_days)) for age in days]
    return [weight / sum(weights) for weight in weights]


def _all_to(place: int, count: int) -> list[Fraction]:
    return [Fraction(int(one == place)) for one in range(count)]


def _by_position(count: int, weights: tuple[int, int, int]) -> list[Fraction]:
    first, middle, last = map(Fraction, weights)
    if count == 1:
        return [Fraction(1)]
    if count == 2:
        return [first / (first + last), last / (first + last)]
    between = [middle / 100 / (count - 2)] * (count - 2)
    return [first / 100, *between, last / 100]


def credited(
    conversions: Iterable[Conversion], sessions: Sequence[Session], rules: Rules
) -> dict[tuple[str, date, str], tuple[Fraction, Fraction]]:
    """Give amount and conversions by model, day (UTC) and channel."""
    found: dict[tuple[str, date, str], tuple[Fraction, Fraction]] = defaultdict(
        lambda: (Fraction(0), Fraction(0))
    )
    for conversion in conversions:
        touches = touches_of(conversion, sessions, rules)
        for model in MODELS:
            parts = shares(model, touches, rules) if touches else [Fraction(1)]
            channels = [str(one.channel) for one in touches] or [NONE]
            for channel, part in zip(channels, parts, strict=True):
                key = (model, conversion.converted_at.date(), channel)
                amount, count = found[key]
                found[key] = (amount + conversion.amount * part, count + part)
    return found


def paths(
    conversions: Iterable[Conversion], sessions: Sequence[Session], rules: Rules
) -> dict[tuple[date, str], tuple[int, int, Fraction, int, Fraction | None]]:
    """Give length, conversions, amount, touches and seconds by day (UTC) and path."""
    found: dict[tuple[date, str], list[tuple[Conversion, list[Session]]]] = defaultdict(
        list
    )
    lengths = {}
    for conversion in conversions:
        touches = touches_of(conversion, sessions, rules)
        names = [str(one.channel) for one in touches]
        if rules.collapses:
            names = [
                name
                for place, name in enumerate(names)
                if place == 0 or name != names[place - 1]
            ]
        key = (conversion.converted_at.date(), " > ".join(names) or NONE)
        lengths[key] = len(names)
        found[key].append((conversion, touches))
    return {
        key: (
            lengths[key],
            len(ends),
            sum((one.amount for one, _ in ends), Fraction(0)),
            sum(len(touches) for _, touches in ends),
            _seconds(ends),
        )
        for key, ends in found.items()
    }


def _seconds(ends: list[tuple[Conversion, list[Session]]]) -> Fraction | None:
    spans = [
        one.converted_at - touches[0].started_at for one, touches in ends if touches
    ]
    if not spans:
        return None
    return Fraction(sum(spans, timedelta()) // timedelta(microseconds=1), 1_000_000)
