"""When persons come: growth, seasons, retention curves and planted anomalies.

Pure arithmetic on day numbers, no randomness: everything here is planted truth
and appears in the truth file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

WEEKDAY_FACTORS = (1.08, 1.10, 1.08, 1.02, 0.94, 0.82, 0.96)
YEARLY_AMPLITUDE = 0.15
YEARLY_PEAK_DAY = 15
DAILY_GROWTH = 1.003
LAUNCH_BOOST = 4.0
LAUNCH_DAYS = 5.0
SPIKE_FACTOR = 1.9
DROP_FACTOR = 0.35
MIN_DAYS_FOR_ANOMALIES = 21


@dataclass(frozen=True)
class RetentionCurve:
    """Probability that a person is active `age` days after the first visit.

    p(age) = floor + (first - floor) * age ** -exponent for age >= 1, times the
    engagement factor of the day; the first visit itself is certain.
    """

    first: float
    floor: float
    exponent: float

    def at(self, ages: NDArray[np.int64]) -> NDArray[np.float64]:
        """The curve at each age in days, 1 at age 0."""
        decay = np.maximum(ages, 1).astype(np.float64) ** -self.exponent
        curve = self.floor + (self.first - self.floor) * decay
        return np.where(ages == 0, 1.0, curve)


# Persons who mean to sign up, and passers-by.
COMMITTED_SHARE = 0.6
COMMITTED = RetentionCurve(first=0.45, floor=0.06, exponent=0.65)
CASUAL = RetentionCurve(first=0.12, floor=0.004, exponent=1.1)


@dataclass(frozen=True)
class Seasons:
    """The factors of each day of a period.

    Attributes:
        start: first UTC day.
        acquisition: share of all persons who first visit on each day, sum 1.
        engagement: multiplies the probability of coming back, per day.
        spike_day, drop_day: planted anomalies as day numbers; null in periods
            shorter than three weeks.
    """

    start: date
    acquisition: NDArray[np.float64]
    engagement: NDArray[np.float64]
    spike_day: int | None
    drop_day: int | None

    def date_of(self, day: int | None) -> str | None:
        """ISO date of a day number, null for null."""
        return None if day is None else str(self.start + timedelta(days=day))

    def planted(self) -> dict[str, object]:
        """What was planted, for the truth file."""
        return {
            "spike": {"date": self.date_of(self.spike_day), "factor": SPIKE_FACTOR},
            "drop": {"date": self.date_of(self.drop_day), "factor": DROP_FACTOR},
            "weekday_factors_from_monday": list(WEEKDAY_FACTORS),
            "yearly": {"amplitude": YEARLY_AMPLITUDE, "peak_day": YEARLY_PEAK_DAY},
            "daily_acquisition_growth": DAILY_GROWTH,
            "engagement_factors": {
                str(self.date_of(day)): round(float(factor), 6)
                for day, factor in enumerate(self.engagement)
            },
            "retention": {
                "formula": "floor + (first - floor) * age_days ** -exponent,"
                " times the day's engagement factor and the pace's activity, at most"
                " 0.95",
                "committed_share": COMMITTED_SHARE,
                "committed": asdict(COMMITTED),
                "casual": asdict(CASUAL),
            },
        }


def seasons(start: date, days: int) -> Seasons:
    """Weekly and yearly seasons, growth after a launch, a spike and a drop."""
    number = np.arange(days)
    weekday = (start.weekday() + number) % 7
    year_angle = 2 * np.pi * (_day_of_year(start) + number - YEARLY_PEAK_DAY) / 365.25
    season = np.array(WEEKDAY_FACTORS)[weekday] * (
        1 + YEARLY_AMPLITUDE * np.cos(year_angle)
    )
    planted = days >= MIN_DAYS_FOR_ANOMALIES
    spike, drop = (int(days * 0.6), int(days * 0.8)) if planted else (None, None)
    if spike is not None and drop is not None:
        season[spike] *= SPIKE_FACTOR
        season[drop] *= DROP_FACTOR
    launch = 1 + LAUNCH_BOOST * np.exp(-number / LAUNCH_DAYS)
    # Growth levels off after three years; unbounded it would leave early days empty.
    arrivals = season * launch * DAILY_GROWTH ** np.minimum(number, 1_000)
    return Seasons(start, arrivals / arrivals.sum(), season, spike, drop)


def _day_of_year(day: date) -> int:
    return day.timetuple().tm_yday
