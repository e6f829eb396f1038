"""Attribution reckoned one conversion after the other, with exact fractions.

Here belongs which sessions led to a conversion, and the share of each in it. Here do
not belong SQL, rounding, or sums over conversions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

MODELS = ("first", "last", "last_non_direct", "linear", "position", "time_decay")


@dataclass(frozen=True)
class Visit:
    """A session of a person; without a channel it is no touch."""

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
    conversion_id: str = ""


@dataclass(frozen=True)
class Rules:
    """The parameters of one attribution; weights of position are in percent."""

    lookback_days: int = 30
    half_life_days: float = 7
    weights: tuple[int, int, int] = (40, 20, 40)
    direct: tuple[str, ...] = ("direct", "(direct)")
    collapses: bool = True


def touches_of(
    conversion: Conversion, visits: Iterable[Visit], rules: Rules
) -> list[Visit]:
    """Give the sessions that led to a conversion, in their order."""
    back = timedelta(days=rules.lookback_days)
    found = [
        one
        for one in visits
        if one.person == conversion.person
        and one.channel
        and conversion.converted_at - back <= one.started_at <= conversion.converted_at
    ]
    return sorted(found, key=lambda one: (one.started_at, one.session_id))


def shares(model: str, touches: Sequence[Visit], rules: Rules) -> list[Fraction]:
    """Give the share of each touch by one of `MODELS`; they add up to 1."""
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
