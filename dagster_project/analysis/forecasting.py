"""Daily metric forecasts: point, interval, flags, as rows of the ledger.

Here belong forecasts as frames. Here do not belong the model (``weekday_median``),
its intervals (``conformal``), the judgement of stored forecasts
(``forecast_scoring``), the choice of metrics, storage, or drawing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.analysis.conformal import HalfWidths, half_widths
from dagster_project.analysis.series_matrix import (
    HISTORY_COLUMNS,
    KEY_COLUMNS,
    BoolArray,
    FloatArray,
    SeriesMatrix,
    require_columns,
    to_matrix,
)
from dagster_project.analysis.weekday_median import (
    MODEL_VERSION,
    RECENT_DAYS,
    WeekdayMedian,
    backtest_scores,
)

FORECAST_COLUMNS: Final = [
    *KEY_COLUMNS,
    "origin_date",
    "target_date",
    "horizon_days",
    "model_version",
    "mean",
    "lower_80",
    "upper_80",
    "lower_95",
    "upper_95",
    "scale",
    "training_days",
    "flags",
]

LOW_HISTORY_DAYS: Final = 56


def forecast(
    history: pd.DataFrame,
    *,
    origin_date: date,
    horizon_days: Mapping[str, int] | int,
    non_negative: Mapping[str, bool] | bool = True,
    upper_limits: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Forecast every series of ``history`` from ``origin_date``.

    ``history``: one row per (metric_name, dimension, dimension_value, date) with
    ``value`` in the metric's unit; null is a missing day; only days up to
    ``origin_date`` are used. ``horizon_days`` per metric (metrics left out get no
    forecast) or one for all. ``non_negative`` clips at 0 (a metric left out of a
    mapping is clipped), ``upper_limits`` at a maximum (rates: 1.0).

    Returns one row per series and target day, columns ``FORECAST_COLUMNS``: ``scale``
    is the mean absolute difference between same weekdays over 8 weeks; bounds are
    null (flag ``no_interval``) where no error could be backtested. Flags:
    low_history (under 56 days), missing_days, constant, pooled_interval,
    widened_interval, no_interval. A series without a value in its last 28 days gets
    no row. Method: weekday medians over 4 weeks times the square root of the last
    week's level against them; intervals split-conformal on the scaled errors of up
    to 182 past origins of the same procedure.
    """
    require_columns(history, HISTORY_COLUMNS, "history")
    horizons = _horizons(history, horizon_days)
    wanted = history[history["metric_name"].isin(list(horizons))]
    matrix = to_matrix(wanted, through=origin_date)
    recent = np.isfinite(matrix.values[:, -RECENT_DAYS:])
    matrix = matrix.only(recent.sum(axis=1) > 0)
    steps = max(horizons.values(), default=0)
    if matrix.keys.empty or steps == 0:
        return _empty_forecasts()
    model = WeekdayMedian.of(matrix.values)
    scores = backtest_scores(matrix.values, model, steps)
    frame = _assemble(
        matrix,
        mean=model.predict(matrix.day_count - 1, steps),
        scale=model.scale[:, -1],
        inner=half_widths(scores, level=0.80),
        outer=half_widths(scores, level=0.95),
    )
    limit = frame["metric_name"].map(horizons).astype("int64")
    frame = frame[frame["horizon_days"] <= limit].reset_index(drop=True)
    return _clip(frame, non_negative, upper_limits or {})


def _assemble(
    matrix: SeriesMatrix,
    *,
    mean: FloatArray,
    scale: FloatArray,
    inner: HalfWidths,
    outer: HalfWidths,
) -> pd.DataFrame:
    series, steps = mean.shape
    origin = matrix.day_count - 1
    ahead = np.tile(np.arange(1, steps + 1), series)
    frame = matrix.keys.loc[matrix.keys.index.repeat(steps)].reset_index(drop=True)
    frame["origin_date"] = matrix.dates([origin])[0]
    frame["target_date"] = matrix.dates(origin + ahead)
    frame["horizon_days"] = ahead
    frame["model_version"] = MODEL_VERSION
    frame["mean"] = mean.ravel()
    # A scale of nothing times few errors would claim certainty after a few days.
    certain = (scale == 0)[:, np.newaxis] & outer.is_pooled
    unit = np.where(certain, np.nan, scale[:, np.newaxis])
    wide = np.maximum(outer.width, inner.width) * unit
    narrow = np.where(np.isnan(wide), np.nan, inner.width * unit)
    for level, half in (("80", narrow), ("95", wide)):
        frame[f"lower_{level}"] = (mean - half).ravel()
        frame[f"upper_{level}"] = (mean + half).ravel()
    frame["scale"] = np.repeat(scale, steps)
    frame["training_days"] = np.repeat(np.isfinite(matrix.values).sum(axis=1), steps)
    frame["flags"] = _flags(matrix.values, scale, outer, np.isnan(wide)).ravel()
    return frame[FORECAST_COLUMNS]


def _flags(
    values: FloatArray, scale: FloatArray, outer: HalfWidths, unknown: BoolArray
) -> npt.NDArray[np.object_]:
    observed = np.isfinite(values)
    started = np.maximum.accumulate(observed, axis=1)
    by_series = {
        "low_history": observed.sum(axis=1) < LOW_HISTORY_DAYS,
        "missing_days": (started & ~observed).any(axis=1),
        "constant": scale == 0,
    }
    by_step = {
        "pooled_interval": outer.is_pooled & ~outer.is_widened & ~unknown,
        "widened_interval": outer.is_widened & ~unknown,
        "no_interval": unknown,
    }
    texts = np.full(unknown.shape, "", dtype=object)
    columns = {flag: on[:, np.newaxis] for flag, on in by_series.items()} | by_step
    for flag, on in columns.items():
        texts = texts + np.where(on, f",{flag}", "").astype(object)
    return np.asarray(np.vectorize(lambda text: text[1:], otypes=[object])(texts))


def _clip(
    frame: pd.DataFrame,
    non_negative: Mapping[str, bool] | bool,
    upper_limits: Mapping[str, float],
) -> pd.DataFrame:
    metrics = frame["metric_name"]
    if isinstance(non_negative, bool):
        is_clipped = pd.Series(non_negative, index=frame.index)
    else:
        is_clipped = metrics.map(lambda metric: non_negative.get(metric, True))
    lowest = np.where(is_clipped.astype(bool), 0.0, -np.inf)
    highest = metrics.map(upper_limits).astype("float64").fillna(np.inf).to_numpy()
    columns = ["mean", "lower_80", "upper_80", "lower_95", "upper_95"]
    clipped = {
        column: np.clip(frame[column].to_numpy(), lowest, highest) for column in columns
    }
    return frame.assign(**clipped)


def _horizons(
    history: pd.DataFrame, horizon_days: Mapping[str, int] | int
) -> dict[str, int]:
    if isinstance(horizon_days, Mapping):
        horizons = {name: int(days) for name, days in horizon_days.items()}
    else:
        horizons = dict.fromkeys(history["metric_name"].unique(), int(horizon_days))
    for metric, days in horizons.items():
        if days < 1:
            raise ValueError(f"horizon_days of {metric} must be at least 1, got {days}")
    return horizons


def _empty_forecasts() -> pd.DataFrame:
    dates = ["origin_date", "target_date"]
    texts = [*KEY_COLUMNS, "model_version", "flags"]
    kinds = dict.fromkeys(FORECAST_COLUMNS, "float64")
    kinds |= dict.fromkeys(dates, "datetime64[us]") | dict.fromkeys(texts, "str")
    kinds |= dict.fromkeys(["horizon_days", "training_days"], "int64")
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
