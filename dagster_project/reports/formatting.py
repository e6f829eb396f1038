"""Numbers, dates and durations as text, and the axis formats of charts.

Here belong units and the wording of quantities. Here does not belong which figure is
shown where.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import pandas as pd

CURRENCY_SIGNS: Final = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "INR": "₹",
}
CURRENCY_CODES: Final = frozenset(
    {*CURRENCY_SIGNS, "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "HKD", "MXN"}
    | {"NOK", "NZD", "PLN", "SEK", "SGD", "TRY", "ZAR"}
)
RATE_UNITS: Final = frozenset({"%", "percent", "share", "rate", "fraction"})
RATE_TYPES: Final = frozenset({"conversion", "retention"})
# Unit texts of a duration, in seconds.
DURATION_UNITS: Final = {
    "ms": 1e-3,
    "milliseconds": 1e-3,
    "s": 1.0,
    "seconds": 1.0,
    "min": 60.0,
    "minutes": 60.0,
    "h": 3600.0,
    "hours": 3600.0,
    "d": 86400.0,
    "days": 86400.0,
}
COUNT_UNITS: Final = frozenset({"", "count", "counts", "events", "number"})
NOT_KNOWN: Final = "not yet known"
MINUS: Final = "\N{MINUS SIGN}"
TIMES: Final = "\N{MULTIPLICATION SIGN}"
DASH: Final = "\N{EN DASH}"
# Below half a per cent a change is called flat.
FLAT_CHANGE: Final = 0.005


@dataclass(frozen=True)
class Unit:
    """How values of a metric are written: one of a few kinds and its sign."""

    kind: str
    sign: str = ""
    seconds: float = 1.0

    @classmethod
    def of(cls, unit: str | None, metric_type: str | None = None) -> Unit:
        """Read the catalog's unit; null means a rate for rates, else a count."""
        text = "" if unit is None or pd.isna(unit) else str(unit).strip()
        lower = text.lower()
        if lower in RATE_UNITS or (not text and metric_type in RATE_TYPES):
            return cls("rate", "%")
        if text.upper() in CURRENCY_CODES:
            code = text.upper()
            return cls("currency", CURRENCY_SIGNS.get(code, f"{code} "))
        if lower in DURATION_UNITS:
            return cls("duration", seconds=DURATION_UNITS[lower])
        return cls("count", "" if lower in COUNT_UNITS else text)

    @property
    def noun(self) -> str:
        """What is counted, to stand behind the figure; empty when the text says it."""
        return self.sign if self.kind == "count" else ""


def format_value(value: float | None, unit: Unit) -> str:
    """A figure with its unit; null is "not yet known", never 0."""
    if value is None or pd.isna(value):
        return NOT_KNOWN
    sign = MINUS if value < 0 else ""
    size = abs(float(value))
    if unit.kind == "rate":
        return f"{sign}{_digits(size * 100, 1 if size * 100 >= 10 else 2)}%"
    if unit.kind == "duration":
        return sign + _duration(size * unit.seconds)
    if unit.kind == "currency":
        return f"{sign}{unit.sign}{_amount(size)}"
    return sign + _count(size)


def _digits(size: float, decimals: int) -> str:
    return f"{size:,.{decimals}f}"


def _amount(size: float) -> str:
    if size >= 1e9:
        return f"{_digits(size / 1e9, 2)}B"
    if size >= 1e6:
        return f"{_digits(size / 1e6, 2)}M"
    return _digits(size, 2 if size < 100 else 0)


def _count(size: float) -> str:
    if size >= 1e9:
        return f"{_digits(size / 1e9, 2)}B"
    if size >= 1e6:
        return f"{_digits(size / 1e6, 2)}M"
    if size == round(size):
        return _digits(size, 0)
    return _digits(size, 2 if size < 10 else 1 if size < 1000 else 0)


def _duration(seconds: float) -> str:
    if seconds == 0:
        return "0 s"
    if seconds < 1:
        return f"{_digits(seconds * 1e3, 1 if seconds < 0.01 else 0)} ms"
    if seconds < 60:
        return f"{_digits(seconds, 2 if seconds < 10 else 1)} s"
    if seconds < 2 * 3600:
        return f"{_digits(seconds / 60, 1)} min"
    if seconds < 48 * 3600:
        return f"{_digits(seconds / 3600, 1)} h"
    return f"{_digits(seconds / 86400, 1)} days"


def format_change(rate: float) -> str:
    """A relative change with its sign, such as +4.2%; from elevenfold on, as 12x."""
    if rate >= 10:
        return f"{rate + 1:,.0f}{TIMES}"
    percent = abs(rate) * 100
    sign = MINUS if rate < 0 else "+" if rate > 0 else "±"
    return f"{sign}{_digits(percent, 1 if percent < 100 else 0)}%"


def format_share(rate: float | None, decimals: int = 1) -> str:
    """A share of a whole as per cent, or a dash when it is unknown."""
    if rate is None or pd.isna(rate):
        return DASH
    return f"{rate * 100:.{decimals}f}%"


def format_whole(value: float | None) -> str:
    """A count in full, or a dash when it is unknown."""
    return DASH if value is None or pd.isna(value) else f"{value:,.0f}"


def format_day(day: datetime, *, with_year: bool = False) -> str:
    """A day as Thu 5 June, with the year on request."""
    text = f"{day:%a} {day.day} {day:%B}"
    return f"{text} {day.year}" if with_year else text


def format_days(first: datetime, last: datetime) -> str:
    """A span of days as Mon 2 to Sun 8 June 2025."""
    start = f"{first:%a} {first.day}"
    if first.year != last.year:
        start = format_day(first, with_year=True)
    elif first.month != last.month:
        start = format_day(first)
    return f"{start} to {format_day(last, with_year=True)}"


def format_instant(instant: datetime | None, zone: ZoneInfo) -> str:
    """An instant in the reporting zone, to the minute; naive instants are UTC."""
    if instant is None or pd.isna(instant):
        return "never"
    stamp = pd.Timestamp(instant)
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp
    local = stamp.tz_convert(zone)
    return f"{local.day} {local:%b %Y, %H:%M}"


def format_hours(hours: float | None) -> str:
    """A delay in hours as text a person reads at a glance."""
    if hours is None or pd.isna(hours):
        return DASH
    return _duration(max(float(hours), 0.0) * 3600) if hours >= 1 / 60 else "none"


def plural(count: int, noun: str, plural_noun: str | None = None) -> str:
    """A count with its noun: 1 check, 2 checks."""
    return f"{count:,} {noun if count == 1 else plural_noun or noun + 's'}"


@dataclass(frozen=True)
class AxisFormat:
    """How an axis is written: values times ``factor``, then ``label``.

    ``label`` is a Vega expression of ``datum.value``. Durations are drawn in the unit
    they are written in, so that ticks fall on round numbers.
    """

    factor: float
    label: str


def axis_format(unit: Unit, largest: float) -> AxisFormat:
    """The format of an axis whose largest value is ``largest``."""
    if unit.kind == "rate":
        digits = ".1~%" if largest < 0.1 else ".0%"
        return AxisFormat(1.0, f"format(datum.value, '{digits}')")
    if unit.kind == "duration":
        size, name = _axis_duration(largest * unit.seconds)
        label = f"format(datum.value, ',~r') + ' {name}'"
        return AxisFormat(unit.seconds / size, label)
    # d3 writes milli as m and giga as G: neither is what a reader expects here.
    number = (
        "replace(format(datum.value, '~s'), 'G', 'B')"
        if largest >= 1000
        else "format(datum.value, ',~r')"
    )
    # Only signs from the tables above ever enter the expression.
    sign = unit.sign if unit.kind == "currency" else ""
    return AxisFormat(1.0, f"'{sign}' + {number}" if sign else number)


def _axis_duration(seconds: float) -> tuple[float, str]:
    steps = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
    fitting = (step for step in steps if seconds >= 2 * step[0])
    return next(fitting, (1e-3, "ms"))
