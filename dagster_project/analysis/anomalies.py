"""Incidents: bursts of days that a metric's own past does not explain.

Here belong the grouping of unusual days into incidents, their life (open, closed)
and a plain sentence about each. Here do not belong the expectation of a day
(``one_step``), alerts, and units or labels, which the reader of the catalog knows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd

from dagster_project.analysis.one_step import (
    ACCEPT_AFTER_DAYS,
    OneStep,
    run_one_step,
)
from dagster_project.analysis.series_matrix import (
    KEY_COLUMNS,
    SeriesMatrix,
    to_matrix,
)

ANOMALY_COLUMNS: Final = [
    "incident_id",
    *KEY_COLUMNS,
    "started_on",
    "ended_on",
    "direction",
    "peak_date",
    "peak_value",
    "expected",
    "lower",
    "upper",
    "score",
    "status",
    "explanation",
]
# Measured on daily_inject (119 real series, 357 labelled events, last 180 days):
# threshold 2.58: precision .40, recall .63; 3.0: .48, .52 (best F1, .50; .59 false
# incidents per series and 60 days); 3.5: .54, .39. A 2-sigma z-score has .20 and 2.15.
THRESHOLD: Final = 3.0
MIN_RELATIVE_CHANGE: Final = 0.1
GAP_DAYS: Final = 2
LOOKBACK_DAYS: Final = 180
# How metrics spell "over all values of every dimension".
TOTALS: Final = frozenset({"", "all"})


def detect_anomalies(
    history: pd.DataFrame,
    *,
    as_of_date: date,
    threshold: float = THRESHOLD,
    min_relative_change: float = MIN_RELATIVE_CHANGE,
    gap_days: int = GAP_DAYS,
    lookback_days: int = LOOKBACK_DAYS,
) -> pd.DataFrame:
    """List the incidents of every series of ``history``, newest first.

    ``history``: one row per (metric_name, dimension, dimension_value, date) with
    ``value``; null is a missing day; ``as_of_date`` is the last complete day, later
    days are left out. A day is unusual when it lies outside the interval forecast
    one step ahead from the days before it, earlier unusual days replaced by their
    expectation. Unusual days on the same side at most ``gap_days`` apart are one
    incident; it is open while another such day could still join it. Incidents that
    ended more than ``lookback_days`` before ``as_of_date`` are left out.

    Returns ``ANOMALY_COLUMNS``: ``ended_on`` is the last unusual day, null while
    open; ``peak_value``, ``expected``, ``lower``, ``upper`` and ``score`` (residual
    over its scale) belong to the most unusual day; ``incident_id`` is a hash of
    series, start and direction, the same in every run. Raises ``ValueError`` for a
    threshold that is not positive and for a malformed history.
    """
    if threshold <= 0 or min_relative_change < 0 or gap_days < 1:
        raise ValueError(
            "threshold must be positive, min_relative_change at least 0 and gap_days "
            f"at least 1, got {threshold}, {min_relative_change}, {gap_days}"
        )
    matrix = to_matrix(history, through=as_of_date)
    if matrix.keys.empty:
        return _empty_incidents()
    passed = run_one_step(
        matrix.values, threshold=threshold, min_relative_change=min_relative_change
    )
    bursts = _bursts(passed, gap_days)
    bursts = bursts[bursts["last"] >= matrix.day_count - 1 - lookback_days]
    return _incidents(matrix, passed, bursts, gap_days)


def _bursts(passed: OneStep, gap_days: int) -> pd.DataFrame:
    """One row per burst: series row, direction, first, last and peak column, days."""
    row, day = np.nonzero(passed.is_flagged)
    score = passed.score[row, day]
    flagged = pd.DataFrame(
        {"row": row, "day": day, "up": score > 0, "size": np.abs(score)}
    ).sort_values(["row", "up", "day"])
    apart = flagged.groupby(["row", "up"])["day"].diff()
    burst = (apart.isna() | (apart > gap_days)).cumsum()
    # The first of equal peaks: a later one must not move the sentence.
    peaks = flagged.sort_values(["size", "day"], ascending=[False, True])
    peak = peaks.groupby(burst.loc[peaks.index])["day"].first()
    bursts = flagged.groupby(burst).agg(
        row=("row", "first"),
        up=("up", "first"),
        first=("day", "first"),
        last=("day", "last"),
        days=("day", "size"),
    )
    return bursts.assign(peak=peak)


def _incidents(
    matrix: SeriesMatrix, passed: OneStep, bursts: pd.DataFrame, gap_days: int
) -> pd.DataFrame:
    row, peak = (bursts[name].to_numpy() for name in ("row", "peak"))
    last = bursts["last"].to_numpy()
    is_open = matrix.day_count - 1 - last <= gap_days
    frame = matrix.keys.iloc[row].reset_index(drop=True)
    frame["started_on"] = matrix.dates(bursts["first"].to_numpy())
    frame["ended_on"] = pd.Series(matrix.dates(last)).mask(is_open)
    frame["direction"] = np.where(bursts["up"], "up", "down")
    frame["peak_date"] = matrix.dates(peak)
    frame["peak_value"] = matrix.values[row, peak]
    for name in ("expected", "lower", "upper", "score"):
        frame[name] = getattr(passed, name)[row, peak]
    frame["status"] = np.where(is_open, "open", "closed")
    frame["days"] = bursts["days"].to_numpy()
    if frame.empty:
        return _empty_incidents()
    records = frame.to_dict("records")
    frame["incident_id"] = [_incident_id(record) for record in records]
    frame["explanation"] = [_explanation(record) for record in records]
    newest_first = frame.sort_values(
        ["started_on", *KEY_COLUMNS], ascending=[False, True, True, True]
    )
    return newest_first[ANOMALY_COLUMNS].reset_index(drop=True)


def _incident_id(incident: dict[Hashable, Any]) -> str:
    """Hash that keeps null apart from the empty text."""
    key = [incident[name] for name in KEY_COLUMNS]
    parts = [None if pd.isna(part) else str(part) for part in key]
    text = json.dumps([*parts, f"{incident['started_on']:%F}", incident["direction"]])
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _explanation(incident: dict[Hashable, Any]) -> str:
    value, expected = float(incident["peak_value"]), float(incident["expected"])
    side = "above" if incident["direction"] == "up" else "below"
    gap = abs(value - expected) / abs(expected) if expected else np.inf
    size = f"{gap:.0%} {side}" if np.isfinite(gap) else side
    subject = str(incident["metric_name"])
    dimension, of = incident["dimension"], incident["dimension_value"]
    if not (pd.isna(dimension) or pd.isna(of) or dimension in TOTALS):
        subject += f" ({dimension} = {of})"
    text = (
        f"{subject} was {size} its expectation on {incident['peak_date']:%F}: "
        f"{value:,.6g} against {expected:,.6g}, usual range "
        f"{float(incident['lower']):,.6g} to {float(incident['upper']):,.6g}."
    )
    days = int(incident["days"])
    if days > 1:
        text += f" {days} unusual days since {incident['started_on']:%F}."
    if days >= ACCEPT_AFTER_DAYS:
        text += " The new level is now taken as usual."
    return text


def _empty_incidents() -> pd.DataFrame:
    dates = ["started_on", "ended_on", "peak_date"]
    numbers = ["peak_value", "expected", "lower", "upper", "score"]
    kinds = dict.fromkeys(ANOMALY_COLUMNS, "str")
    kinds |= dict.fromkeys(dates, "datetime64[us]") | dict.fromkeys(numbers, "float64")
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
