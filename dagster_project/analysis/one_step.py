"""One-step expectations of daily series that outliers cannot poison.

Here belongs the recursion: level and weekday season on the square-root scale, its
residual scale, and which days it calls unusual. Here do not belong incidents and
their wording.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dagster_project.analysis.series_matrix import (
    DAYS_PER_WEEK,
    BoolArray,
    FloatArray,
    median_or_nan,
)

START_DAYS: Final = 28
SCALE_DAYS: Final = 56
MIN_RESIDUALS: Final = 14
# Labelled anomalies in 119 real series (daily_inject), F1 at the better of the
# thresholds 3 and 3.5: raw scale .44, square root .50, log .50; weekday medians in
# place of the recursion .41; levels .1-.2 and seasons .05-.1 differ by under .02.
LEVEL_RATE: Final = 0.15
SEASON_RATE: Final = 0.1
CLIP: Final = 3.0
# After two weeks on end outside, the new level is the level.
ACCEPT_AFTER_DAYS: Final = 14
MAX_ZERO_SHARE: Final = 0.5
MIN_SCALE: Final = 0.01


@dataclass(frozen=True)
class OneStep:
    """Expectation of each day from the days before it, all of shape (series, days).

    ``expected``, ``lower`` and ``upper`` in the metric's unit (``lower`` not below 0
    while the series has never been); ``score`` is the residual over its scale on the
    square-root scale, or over what the minimum relative change asks for if that is
    more; NaN where the day could not be tested. ``is_flagged`` days were replaced by
    their expectation.
    """

    expected: FloatArray
    lower: FloatArray
    upper: FloatArray
    score: FloatArray
    is_flagged: BoolArray


@dataclass
class _State:
    """What the recursion knows at the end of a day, one row per series.

    ``residuals`` and ``was_negative`` (below zero on any earlier day) have a column
    for each day.
    """

    level: FloatArray
    season: FloatArray
    residuals: FloatArray
    was_negative: BoolArray
    days_flagged: npt.NDArray[np.int64]
    last_side: FloatArray


def run_one_step(
    values: FloatArray, *, threshold: float, min_relative_change: float
) -> OneStep:
    """Pass once over ``values`` (series, days; NaN = missing), oldest day first.

    A day is flagged when |score| > ``threshold`` and it differs from its expectation
    by more than ``min_relative_change`` of it. Testing starts once a series has 28
    days and 14 residuals after them; a series that is zero on most of its last 56
    days is not tested. A flagged day leaves level and season as they were, and enters
    the residual scale clipped at 3; after 14 flagged days on end on one side the
    level is taken anew.
    """
    series, days = values.shape
    roots = _root(values)
    first_seen = np.where(
        np.isfinite(values).any(1), np.isfinite(values).argmax(1), days
    )
    is_negative = np.logical_or.accumulate(values < 0, axis=1)
    state = _State(
        level=np.full(series, np.nan),
        season=np.zeros((series, DAYS_PER_WEEK)),
        residuals=np.full((series, days), np.nan),
        was_negative=np.pad(is_negative[:, :-1], ((0, 0), (1, 0))),
        days_flagged=np.zeros(series, dtype=np.int64),
        last_side=np.zeros(series),
    )
    expected, lower, upper, score = np.full((4, series, days), np.nan)
    result = OneStep(
        expected, lower, upper, score, np.zeros((series, days), dtype=bool)
    )
    for day in range(START_DAYS, days):
        _start_series(state, roots, day, first_seen == day - START_DAYS)
        scale = _residual_scale(state, values, day)
        _test_day(state, values, day, scale, threshold, min_relative_change, result)
        _update(state, roots, day, scale, result.is_flagged[:, day])
    lower = np.where(is_negative, result.lower, np.maximum(result.lower, 0))
    return replace(result, lower=lower)


def _root(values: FloatArray) -> FloatArray:
    """Signed square root: steadies the variance of counts, and knows below zero."""
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)))


def _square(roots: FloatArray) -> FloatArray:
    return np.asarray(np.sign(roots) * roots**2)


def _start_series(
    state: _State, roots: FloatArray, day: int, starts: BoolArray
) -> None:
    """Begin the series whose first 28 days end on the day before ``day``.

    Their residuals do not count: fitted ones are too small, and with them 2 % of the
    next two weeks' calm days were flagged instead of .5 %.
    """
    if not starts.any():
        return
    weeks = roots[starts, day - START_DAYS : day].reshape(-1, 4, DAYS_PER_WEEK)
    middle = median_or_nan(weeks, axis=2)[:, :, np.newaxis]
    season = np.nan_to_num(median_or_nan(weeks - middle, axis=1))
    state.level[starts] = median_or_nan(weeks.reshape(len(weeks), -1), axis=1)
    state.season[starts] = np.roll(season, day % DAYS_PER_WEEK, axis=1)


def _residual_scale(state: _State, values: FloatArray, day: int) -> FloatArray:
    """Root mean square of the clipped residuals of the 56 days before ``day``.

    At least a hundredth of the level, so that a weekday that has always been exactly
    zero has a range too.
    NaN with under 14 of them, and for a series that is mostly zero: what is usual
    there is a question of counts between events, not of a level.
    """
    window = slice(max(0, day - SCALE_DAYS), day)
    past = state.residuals[:, window]
    seen = np.isfinite(past).sum(axis=1)
    spread = np.sqrt(np.nansum(past**2, axis=1) / np.maximum(seen, 1))
    recent = values[:, window]
    observed = np.maximum(np.isfinite(recent).sum(axis=1), 1)
    is_sparse = (recent == 0).sum(axis=1) > MAX_ZERO_SHARE * observed
    usable = (seen >= MIN_RESIDUALS) & ~is_sparse
    floored = np.maximum(spread, MIN_SCALE * np.abs(state.level))
    return np.where(usable, floored, np.nan)


def _expected_root(state: _State, day: int) -> FloatArray:
    """Level and weekday, not below zero for a series that never was."""
    root = state.level + state.season[:, day % DAYS_PER_WEEK]
    return np.where(state.was_negative[:, day], root, np.maximum(root, 0))


def _test_day(
    state: _State,
    values: FloatArray,
    day: int,
    scale: FloatArray,
    threshold: float,
    min_relative_change: float,
    result: OneStep,
) -> None:
    expected_root, value = _expected_root(state, day), values[:, day]
    expected = _square(expected_root)
    # The relative rule is part of the bounds, so that a flagged day is one outside.
    margin = min_relative_change * np.abs(expected)
    lower = np.minimum(_square(expected_root - threshold * scale), expected - margin)
    upper = np.maximum(_square(expected_root + threshold * scale), expected + margin)
    reach = np.where(
        value >= expected, _root(upper) - expected_root, expected_root - _root(lower)
    )
    units = (_root(value) - expected_root) / np.where(reach > 0, reach, np.nan)
    result.expected[:, day] = np.where(np.isnan(scale), np.nan, expected)
    result.lower[:, day], result.upper[:, day] = lower, upper
    result.score[:, day] = threshold * units
    outside = (value > upper) | (value < lower)
    result.is_flagged[:, day] = outside & np.isfinite(units)


def _update(
    state: _State, roots: FloatArray, day: int, scale: FloatArray, flagged: BoolArray
) -> None:
    weekday = day % DAYS_PER_WEEK
    residual = roots[:, day] - _expected_root(state, day)
    limit = np.where(np.isnan(scale), np.inf, CLIP * scale)
    clipped = np.clip(residual, -limit, limit)
    state.residuals[:, day] = clipped
    step = np.where(flagged | np.isnan(clipped), 0.0, clipped)
    state.level += LEVEL_RATE * step
    state.season[:, weekday] += SEASON_RATE * step
    side = np.sign(residual)
    goes_on = flagged & (side == state.last_side)
    state.days_flagged = np.where(goes_on, state.days_flagged + 1, flagged.astype(int))
    state.last_side = np.where(flagged, side, 0.0)
    _accept_new_level(state, roots, day)


def _accept_new_level(state: _State, roots: FloatArray, day: int) -> None:
    accepted = state.days_flagged >= ACCEPT_AFTER_DAYS
    if not accepted.any():
        return
    days = np.arange(day - ACCEPT_AFTER_DAYS + 1, day + 1)
    season = state.season[accepted][:, days % DAYS_PER_WEEK]
    recent = roots[accepted][:, days] - season
    state.level[accepted] = median_or_nan(recent, axis=1)
    state.days_flagged[accepted] = 0
