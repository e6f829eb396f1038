"""Currencies and their daily rates: `exchange_rates.csv` of the catalog.

Belongs here: the file's form, its problems with their lines, and the rates as ranges of
days. Not here: the conversion of an amount (the dbt macro `in_reporting_currency`).

The file has the columns date, currency and rate: so many units of the reporting
currency are one unit of `currency` on that day. A day without a rate has the last one
before it, never one after.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Final

from babel.numbers import list_currencies
from pydantic import AfterValidator

from ingestion.catalog.documents import Problem
from ingestion.catalog.suggestions import nearest_name

RATES_FILE: Final = "exchange_rates.csv"
_COLUMNS: Final = ("date", "currency", "rate")
CURRENCIES: Final = frozenset(list_currencies())
"""The codes of ISO 4217, those out of use too: exports go back years."""
# decimal(18, 9): an amount of decimal(18, 6) times it fits decimal(38, 15).
_PLACES: Final = Decimal("0.000000001")
_LARGEST: Final = Decimal(10) ** 9


def _checked_code(text: str) -> str:
    if text not in CURRENCIES:
        near = nearest_name(text, CURRENCIES)
        meant = f"; did you mean '{near}'?" if near else ""
        raise ValueError(
            f"'{text}' is no currency: write an ISO 4217 code such as USD{meant}"
        )
    return text


CurrencyCode = Annotated[str, AfterValidator(_checked_code)]
"""A code of ISO 4217."""


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """One currency's rate from a day on, up to the day before its next rate.

    `valid_to` is exclusive, None for the newest rate.
    """

    currency: str
    valid_from: date
    valid_to: date | None
    rate: Decimal


def read_rates(path: Path) -> tuple[tuple[ExchangeRate, ...], list[Problem]]:
    """Read the rates of a catalog, none if there is no such file, and its problems."""
    if not path.exists():
        return (), []
    try:
        rows = list(csv.reader(path.read_text("utf-8-sig").splitlines()))
    except UnicodeDecodeError:
        return (), [Problem(str(path), 1, 1, "the file is no UTF-8 text")]
    if not rows or tuple(cell.strip() for cell in rows[0]) != _COLUMNS:
        message = f"the first line is to be {','.join(_COLUMNS)}"
        return (), [Problem(str(path), 1, 1, message)]
    found: dict[tuple[str, date], Decimal] = {}
    problems: list[Problem] = []
    for line, cells in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            currency, day, rate = _row([cell.strip() for cell in cells])
            if (currency, day) in found:
                raise ValueError(f"{currency} has a rate on {day} already")
            found[currency, day] = rate
        except ValueError as error:
            problems.append(Problem(str(path), line, 1, str(error)))
    return tuple(_ranges(found)), problems


def _row(cells: list[str]) -> tuple[str, date, Decimal]:
    if len(cells) != len(_COLUMNS):
        raise ValueError(f"a line has {len(_COLUMNS)} cells: {','.join(_COLUMNS)}")
    day_text, currency, rate_text = cells
    try:
        day = date.fromisoformat(day_text)
    except ValueError:
        raise ValueError(f"'{day_text}' is no day: write 2026-01-31") from None
    try:
        rate = Decimal(rate_text)
    except InvalidOperation:
        raise ValueError(f"'{rate_text}' is no number") from None
    if not rate.is_finite() or not 0 < rate < _LARGEST:
        raise ValueError(f"'{rate_text}' is no rate: it lies between 0 and {_LARGEST}")
    return _checked_code(currency), day, rate.quantize(_PLACES)


def _ranges(found: dict[tuple[str, date], Decimal]) -> Iterator[ExchangeRate]:
    """Give each rate the day on which the next one of its currency takes over."""
    ordered = sorted(found)
    for place, (currency, day) in enumerate(ordered):
        following = ordered[place + 1] if place + 1 < len(ordered) else None
        ends = following[1] if following and following[0] == currency else None
        yield ExchangeRate(currency, day, ends, found[currency, day])
