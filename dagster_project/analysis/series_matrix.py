"""Daily metric history as a matrix of series by days.

Here belong the shape that forecasting and anomaly detection share, and the checks
of what comes in. Here does not belong any model.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

KEY_COLUMNS: Final = ["metric_name", "dimension", "dimension_value"]
HISTORY_COLUMNS: Final = [*KEY_COLUMNS, "date", "value"]
DAYS_PER_WEEK: Final = 7


@dataclass(frozen=True)
class SeriesMatrix:
    """Series by consecutive days.

    ``keys`` has one row per series (columns ``KEY_COLUMNS``), in the order of the
    rows of ``values``; ``values`` has shape (series, days), its first column is
    ``first_date``, and NaN means that the day has no observation.
    """

    keys: pd.DataFrame
    first_date: date
    values: FloatArray

    @property
    def day_count(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    def dates(self, columns: npt.ArrayLike) -> pd.DatetimeIndex:
        """Calendar days of the given column numbers (which may lie in the future)."""
        return pd.DatetimeIndex(
            pd.Timestamp(self.first_date)
            + pd.to_timedelta(np.asarray(columns, dtype=np.int64), unit="D")
        )

    def only(self, rows: BoolArray) -> SeriesMatrix:
        """The series where ``rows`` is true."""
        return SeriesMatrix(
            self.keys[rows].reset_index(drop=True), self.first_date, self.values[rows]
        )


def require_columns(frame: pd.DataFrame, columns: list[str], name: str) -> None:
    """Raise ``ValueError`` naming the columns that ``frame`` lacks."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(f"{name} lacks the columns {missing}; expected {columns}")


def to_days(values: pd.Series, name: str) -> pd.Series:
    """Calendar days as ``datetime64`` at midnight without a zone.

    Raises ``ValueError`` for null and for instants that are no whole day: those
    belong to another grain.
    """
    days = pd.to_datetime(values)
    if days.isna().any():
        raise ValueError(f"{name} holds a null")
    if days.dt.tz is not None:
        raise ValueError(f"{name} holds instants with a zone; expected calendar days")
    within_day = days[days != days.dt.normalize()]
    if not within_day.empty:
        raise ValueError(f"{name} holds {within_day.iloc[0]}, which is no whole day")
    return days.astype("datetime64[us]")


def to_matrix(
    history: pd.DataFrame, *, through: date, max_days: int = 3 * 366
) -> SeriesMatrix:
    """Turn long history into a matrix that ends on ``through``.

    ``history`` has one row per (metric_name, dimension, dimension_value, date), in
    any order; days after ``through`` and before the last ``max_days`` are left out,
    null values count as missing days. Raises ``ValueError`` for lacking columns, a
    repeated key, an infinite value, or a date that is no whole day.
    """
    require_columns(history, HISTORY_COLUMNS, "history")
    last = pd.Timestamp(through)
    frame = history[HISTORY_COLUMNS].assign(
        date=to_days(history["date"], "history.date"),
        value=history["value"].astype("float64"),
    )
    frame = frame[frame["date"].between(last - pd.Timedelta(days=max_days - 1), last)]
    _reject_bad_rows(frame)
    first = frame["date"].min() if len(frame) else last
    groups = frame.groupby(KEY_COLUMNS, dropna=False, sort=True)
    rows = groups.ngroup().to_numpy()
    columns = (frame["date"] - first).dt.days.to_numpy()
    values = np.full((groups.ngroups, (last - first).days + 1), np.nan)
    values[rows, columns] = frame["value"].to_numpy(dtype=np.float64)
    keys = frame.assign(row=rows).drop_duplicates("row").sort_values("row")
    return SeriesMatrix(keys[KEY_COLUMNS].reset_index(drop=True), first.date(), values)


def _reject_bad_rows(frame: pd.DataFrame) -> None:
    repeated = frame.duplicated([*KEY_COLUMNS, "date"])
    if repeated.any():
        key = frame.loc[repeated, [*KEY_COLUMNS, "date"]].iloc[0].to_dict()
        raise ValueError(f"history holds more than one row for {key}")
    infinite = np.isinf(frame["value"])
    if infinite.any():
        key = frame.loc[infinite, [*KEY_COLUMNS, "date"]].iloc[0].to_dict()
        raise ValueError(f"history holds an infinite value for {key}")


def lag(values: FloatArray, days: int) -> FloatArray:
    """Each day's value ``days`` earlier; NaN where there is none."""
    shifted = np.full_like(values, np.nan)
    if days < values.shape[1]:
        shifted[:, days:] = values[:, : values.shape[1] - days]
    return shifted


def trailing_sum(values: FloatArray, days: int) -> FloatArray:
    """Sum over the trailing ``days`` days, NaN counting as nothing.

    Summed window by window: a difference of running sums would leave dust after
    large values and make a figure depend on where the history starts.
    """
    padded = np.pad(np.nan_to_num(values), ((0, 0), (days - 1, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, days, axis=1)
    return np.asarray(windows.sum(axis=2))


def median_or_nan(values: FloatArray, axis: int) -> FloatArray:
    """Median of the finite values along ``axis``; NaN where there is none.

    ``numpy.nanmedian`` warns on empty slices, which are ordinary here.
    """
    ordered = np.sort(values, axis=axis)
    count = np.isfinite(values).sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0), axis=axis)
    high = np.take_along_axis(
        ordered, np.minimum(count // 2, ordered.shape[axis] - 1), axis=axis
    )
    middle = np.where(count > 0, (low + high) / 2, np.nan)
    return np.asarray(np.squeeze(middle, axis=axis))


def weekday_medians(values: FloatArray, *, weeks: int = 4) -> FloatArray:
    """Median of each day and the same weekday in the ``weeks - 1`` weeks before."""
    lags = [lag(values, DAYS_PER_WEEK * week) for week in range(weeks)]
    return median_or_nan(np.stack(lags), axis=0)


def fill_missing(values: FloatArray, *, weeks: int = 4) -> FloatArray:
    """Fill each missing day with the median of its weekday in the weeks before.

    Causal: a day is filled from earlier days only (filled ones included), so days
    before a series starts stay NaN.
    """
    filled = values.copy()
    gaps = np.isnan(values)
    for day in np.flatnonzero(gaps[:, DAYS_PER_WEEK:].any(axis=0)) + DAYS_PER_WEEK:
        earliest = max(day - DAYS_PER_WEEK * weeks, day % DAYS_PER_WEEK)
        rows = gaps[:, day]
        filled[rows, day] = median_or_nan(
            filled[rows, earliest:day:DAYS_PER_WEEK], axis=1
        )
    return filled
