"""The first forecaster: weekday medians moved by the recent level.

Here belong the model, its scale and its backtest, on arrays. Here do not belong
frames, intervals or the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from dagster_project.analysis.series_matrix import (
    DAYS_PER_WEEK,
    FloatArray,
    fill_missing,
    lag,
    trailing_sum,
    weekday_medians,
)

MODEL_VERSION: Final = "weekday_median_1"

RECENT_DAYS: Final = 28
SCALE_DAYS: Final = 56
MIN_TRAINING_DAYS: Final = 14
# Half a year of daily origins; 91 gave 95 % intervals 1-3 points short on NN5.
BACKTEST_ORIGINS: Final = 182
# Power of (last week / its weekday medians). One-step MASE on 47 business series:
# .705 at 0 (no adjustment), .649 at .25, .621 at .5, .653 at 1; days 15-30 .984,
# .956, .959, 1.046. Seasonal naive was 2.45 and 1.62, choosing per series worse.
LEVEL_POWER: Final = 0.5
LEVEL_LIMITS: Final = (0.5, 2.0)
# A quiet spell does not make an interval of nothing: the scale never falls below
# this share of its mean over the whole history.
SCALE_FLOOR: Final = 0.1


@dataclass(frozen=True)
class WeekdayMedian:
    """What can be forecast from the end of each day.

    All of shape (series, days): ``medians`` of the weekday over 4 weeks, ``factor``
    from the last week's level against them, ``scale`` as in ``seasonal_scale``.
    Causal: column t depends on days up to t only.
    """

    medians: FloatArray
    factor: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, values: FloatArray) -> WeekdayMedian:
        """Run the model over a history (series, days), NaN where a day is missing."""
        filled = fill_missing(values)
        medians = weekday_medians(filled)
        return cls(medians, _level_factor(filled, medians), seasonal_scale(filled))

    def predict(self, origin: int, steps: int) -> FloatArray:
        """Forecasts (series, steps) made at the end of day ``origin``."""
        ahead = np.arange(1, steps + 1)
        same_weekday = origin + ahead - DAYS_PER_WEEK * -(-ahead // DAYS_PER_WEEK)
        inside = np.maximum(same_weekday, 0)
        medians = np.where(same_weekday >= 0, self.medians[:, inside], np.nan)
        # In its first week a series has no weekday to look back on.
        so_far = self.medians[:, max(0, origin - RECENT_DAYS + 1) : origin + 1]
        count = np.maximum(np.isfinite(so_far).sum(axis=1), 1)
        typical = np.nansum(so_far, axis=1) / count
        medians = np.where(np.isnan(medians), typical[:, np.newaxis], medians)
        return np.asarray(medians * self.factor[:, [origin]])


def _level_factor(filled: FloatArray, medians: FloatArray) -> FloatArray:
    """How far the last week stands above the weekday medians a week ago, damped.

    1 where there is nothing to compare or where a ratio means nothing (sums below
    zero).
    """
    expected = np.where(np.isnan(filled), np.nan, lag(medians, DAYS_PER_WEEK))
    observed = np.where(np.isnan(expected), np.nan, filled)
    before = trailing_sum(expected, DAYS_PER_WEEK)
    current = trailing_sum(observed, DAYS_PER_WEEK)
    comparable = (before > 0) & (current >= 0)
    ratio = np.divide(current, before, out=np.ones_like(current), where=comparable)
    return np.asarray(np.clip(ratio, *LEVEL_LIMITS) ** LEVEL_POWER)


def seasonal_scale(filled: FloatArray) -> FloatArray:
    """Mean |y(t) - y(t-7)| over 8 weeks up to each day; NaN before a week exists."""
    change = np.abs(filled - lag(filled, DAYS_PER_WEEK))
    seen = np.isfinite(change).astype(np.float64)
    recent_days = trailing_sum(seen, SCALE_DAYS)
    all_days = np.cumsum(seen, axis=1)
    recent = trailing_sum(change, SCALE_DAYS) / np.maximum(recent_days, 1)
    overall = np.cumsum(np.nan_to_num(change), axis=1) / np.maximum(all_days, 1)
    scale = np.maximum(recent, SCALE_FLOOR * overall)
    return np.where(all_days > 0, scale, np.nan)


def backtest_scores(values: FloatArray, paths: WeekdayMedian, steps: int) -> FloatArray:
    """Absolute scaled errors (series, origins, steps) of forecasts already due.

    Each origin uses only what was known then. NaN where the target is missing, is
    not yet due, or the series had fewer than 14 days at the origin.
    """
    last = values.shape[1] - 1
    origins = range(max(0, last - BACKTEST_ORIGINS), last)
    known_days = np.cumsum(np.isfinite(values), axis=1)
    scores = np.full((len(values), len(origins), steps), np.nan)
    for position, origin in enumerate(origins):
        due = min(steps, last - origin)
        errors = values[:, origin + 1 : origin + 1 + due] - paths.predict(origin, due)
        # Where nothing had moved yet, today's scale stands in for that of the day.
        then = np.where(paths.scale[:, origin] > 0, paths.scale[:, origin], np.nan)
        scale = np.where(np.isnan(then), paths.scale[:, -1], then)
        scale = np.where(known_days[:, origin] >= MIN_TRAINING_DAYS, scale, np.nan)
        scaled = np.abs(errors) / np.where(scale > 0, scale, np.nan)[:, np.newaxis]
        never_moved = (scale == 0)[:, np.newaxis] & (errors == 0)
        scores[:, position, :due] = np.where(never_moved, 0.0, scaled)
    return scores
