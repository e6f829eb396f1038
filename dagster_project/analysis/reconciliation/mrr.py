"""Recurring revenue of single customers, asked month by month: what stands at its end?

Here belong what one subscription is worth a month at an instant, and the movements that
follow from a customer's months. Here do not belong sums over customers, and whose a
subscription is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor, isfinite
from zoneinfo import ZoneInfo

ENDED = ("canceled", "cancelled", "ended", "expired")
# A leap year's 1461 days in four years.
DAY = Fraction(48, 1461)
MONTHS = {
    "day": DAY,
    "week": 7 * DAY,
    "month": Fraction(1),
    "quarter": Fraction(3),
    "year": Fraction(12),
}


@dataclass(frozen=True)
class Snapshot:
    """A row of the table `subscriptions`; instants are UTC."""

    recorded_at: datetime
    amount: Decimal | None
    status: str | None = None
    started_at: datetime | None = None
    trial_ends_at: datetime | None = None
    canceled_at: datetime | None = None
    ends_at: datetime | None = None
    billing_period: str | None = None
    billing_period_count: int | None = None


@dataclass(frozen=True)
class Change:
    """An event that says what a subscription is worth from then on."""

    at: datetime
    event_id: str
    has_ended: bool
    amount: Decimal | None
    months: float | None


@dataclass(frozen=True)
class Movement:
    """What changed in a customer's month, and what stood before and after it."""

    movement: str
    amount: Decimal
    opening: Decimal
    closing: Decimal


def worth_of_snapshots(
    rows: Iterable[Snapshot],
    instant: datetime,
    paying: Sequence[str] = ("active", "past_due"),
) -> Decimal:
    """Give what one subscription is worth a month just before an instant.

    The first snapshot also tells what was before it was recorded.
    """
    ordered = sorted(rows, key=lambda row: row.recorded_at)
    told = [row for row in ordered if row.recorded_at < instant]
    row = told[-1] if told else ordered[0]
    starts = [at for at in (row.started_at, row.trial_ends_at) if at]
    begins = max(starts, default=row.recorded_at)
    if row.status is not None and row.status not in (*paying, *ENDED):
        return Decimal(0)
    stops = row.ends_at
    if row.status in ENDED:
        stops = stops or row.canceled_at or row.recorded_at
    if begins >= instant or (stops is not None and stops < instant):
        return Decimal(0)
    count = 1 if row.billing_period_count is None else row.billing_period_count
    # What is paid once, or by no known period, is no recurring revenue.
    months = MONTHS.get(row.billing_period or "month", Fraction(0))
    return _monthly(row.amount, months * count)


def worth_of_changes(changes: Iterable[Change], instant: datetime) -> Decimal:
    """Give what one subscription is worth a month just before an instant."""
    told = [change for change in changes if change.at < instant]
    if not told:
        return Decimal(0)
    last = max(told, key=lambda change: (change.at, change.event_id))
    if last.has_ended or last.months is None or not isfinite(last.months):
        return Decimal(0)
    return _monthly(last.amount, Fraction(repr(last.months)))


def _monthly(amount: Decimal | None, months: Fraction) -> Decimal:
    if not amount or amount < 0 or months <= 0:
        return Decimal(0)
    millionths = Fraction(amount) / months * 1_000_000
    return Decimal(floor(millionths + Fraction(1, 2))) / 1_000_000


def month_ends(
    first: datetime, watermark: datetime, zone: ZoneInfo
) -> Iterator[tuple[date, datetime]]:
    """Give local months and the instant (UTC) at which each ends, or the watermark."""
    month = first.replace(tzinfo=UTC).astimezone(zone).date().replace(day=1)
    while True:
        following = (month + timedelta(days=32)).replace(day=1)
        end = datetime(following.year, following.month, 1, tzinfo=zone)
        instant = end.astimezone(UTC).replace(tzinfo=None)
        yield month, min(instant, watermark)
        if instant >= watermark:
            return
        month = following


def movements_of(closings: Iterable[tuple[date, Decimal]]) -> dict[date, Movement]:
    """Give a customer's movements from what stood at the end of each month, in order.

    A month in which nothing changed has none.
    """
    found: dict[date, Movement] = {}
    opening = Decimal(0)
    for month, closing in closings:
        if closing != opening:
            name = "expansion" if closing > opening else "contraction"
            if not closing:
                name = "churn"
            elif not opening:
                name = "reactivation" if found else "new"
            found[month] = Movement(name, closing - opening, opening, closing)
        opening = closing
    return found
