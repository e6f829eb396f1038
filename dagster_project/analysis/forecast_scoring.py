"""The judgement of stored forecasts: scores per row and accuracy per metric.

Here belong the rules of the ledger: when a forecast is scored, when its score is
frozen, how scores are rolled up. Here does not belong the making of forecasts.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from dagster_project.analysis.proportions import wilson_interval
from dagster_project.analysis.series_matrix import (
    HISTORY_COLUMNS,
    KEY_COLUMNS,
    FloatArray,
    require_columns,
    to_days,
)

RESTATEMENT_DAYS: Final = 7
SCORE_COLUMNS: Final = [
    "actual",
    "error",
    "scaled_error",
    "in_80",
    "in_95",
    "interval_score_95",
]
BUCKET_ENDS: Final = [0, 1, 7, 14, 30, 10**6]
BUCKETS: Final = ["1", "2-7", "8-14", "15-30", "31+"]
ACCURACY_KEYS: Final = ["metric_name", "horizon_bucket", "model_version"]
LEDGER_COLUMNS: Final = [
    *KEY_COLUMNS,
    "target_date",
    "horizon_days",
    "model_version",
    "mean",
    "lower_80",
    "upper_80",
    "lower_95",
    "upper_95",
    "scale",
]


def score_forecasts(
    ledger: pd.DataFrame, actuals: pd.DataFrame, *, as_of_date: date
) -> pd.DataFrame:
    """Set each forecast beside what happened.

    ``ledger``: rows of ``forecast``, with or without the score columns of an earlier
    run. ``actuals``: one row per (metric_name, dimension, dimension_value, date) with
    ``value`` and ``is_complete``. An actual counts once its day is complete; up to 7
    days after the target a restated actual replaces the one scored before, later the
    stored one stands.

    Returns the ledger, all rows in their order, with ``actual``, ``error`` (actual -
    mean, in the metric's unit), ``scaled_error`` (|error| / scale, null where the
    scale is 0), ``in_80``, ``in_95`` (bounds inclusive) and ``interval_score_95``
    (Gneiting & Raftery 2007, equation 43). All are null until the target is known;
    interval columns also where the forecast had none. Raises ``ValueError`` for
    lacking columns or a repeated key in ``actuals``.
    """
    require_columns(ledger, LEDGER_COLUMNS, "ledger")
    require_columns(actuals, [*HISTORY_COLUMNS, "is_complete"], "actuals")
    days = to_days(ledger["target_date"], "ledger.target_date")
    fresh = _complete_actuals(ledger.assign(target_date=days), actuals)
    stored = (
        ledger["actual"].to_numpy(dtype=np.float64, na_value=np.nan)
        if "actual" in ledger
        else np.full(len(ledger), np.nan)
    )
    age = (pd.Timestamp(as_of_date) - days).dt.days.to_numpy()
    is_frozen = np.isfinite(stored) & (age > RESTATEMENT_DAYS)
    actual = np.where(is_frozen | np.isnan(fresh), stored, fresh)
    return ledger.assign(**_scores(ledger, actual))


def _complete_actuals(ledger: pd.DataFrame, actuals: pd.DataFrame) -> FloatArray:
    known = actuals[actuals["is_complete"].fillna(False).astype(bool)]
    known = known.assign(
        target_date=to_days(known["date"], "actuals.date"),
        fresh=known["value"].astype("float64"),
    )
    keys = [*KEY_COLUMNS, "target_date"]
    repeated = known.duplicated(keys)
    if repeated.any():
        key = known.loc[repeated, keys].iloc[0].to_dict()
        raise ValueError(f"actuals hold more than one row for {key}")
    joined = ledger[keys].merge(known[[*keys, "fresh"]], on=keys, how="left")
    return joined["fresh"].to_numpy(dtype=np.float64)


def _scores(
    ledger: pd.DataFrame, actual: FloatArray
) -> dict[str, FloatArray | pd.Series]:
    def column(name: str) -> FloatArray:
        return ledger[name].to_numpy(dtype=np.float64, na_value=np.nan)

    def within(level: int) -> pd.Series:
        lower, upper = column(f"lower_{level}"), column(f"upper_{level}")
        unknown = np.isnan(actual) | np.isnan(lower) | np.isnan(upper)
        inside = pd.Series((lower <= actual) & (actual <= upper), index=ledger.index)
        return inside.astype("boolean").mask(unknown)

    error = actual - column("mean")
    scale = np.where(column("scale") > 0, column("scale"), np.nan)
    lower, upper = column("lower_95"), column("upper_95")
    below, above = np.maximum(lower - actual, 0), np.maximum(actual - upper, 0)
    return {
        "actual": actual,
        "error": error,
        "scaled_error": np.abs(error) / scale,
        "in_80": within(80),
        "in_95": within(95),
        "interval_score_95": upper - lower + 2 / 0.05 * (below + above),
    }


def forecast_accuracy(
    scored: pd.DataFrame, *, targets_since: date | None = None
) -> pd.DataFrame:
    """Roll the scored ledger up by metric, horizon bucket and model version.

    Only rows with an actual count, from ``targets_since`` on when given. ``n`` counts
    (series, origin, target) triples; ``wape`` = sum |error| / sum |actual|; ``bias`` =
    sum error / sum |actual| (positive: the forecasts were too low); ``mase`` = mean
    |error| / scale; ``msis`` = mean interval score / scale; ``coverage_80`` and
    ``coverage_95`` = share of actuals inside, of the rows that had an interval, with
    95 % Wilson bounds (``_lower``, ``_upper``). Targets overlap between origins, so
    the true uncertainty is larger than these bounds. Undefined is null. One row per
    (metric_name, horizon_bucket, model_version) that has matured, none otherwise.
    """
    require_columns(scored, [*LEDGER_COLUMNS, *SCORE_COLUMNS], "scored")
    known = scored[scored["actual"].notna()]
    if targets_since is not None:
        days = to_days(known["target_date"], "scored.target_date")
        known = known[days >= pd.Timestamp(targets_since)]
    scale = known["scale"].where(known["scale"] > 0).astype("float64")
    bucket = pd.cut(known["horizon_days"], BUCKET_ENDS, labels=BUCKETS)
    prepared = known.assign(
        horizon_bucket=bucket,
        absolute_error=known["error"].abs(),
        absolute_actual=known["actual"].abs(),
        scaled_interval_score=known["interval_score_95"] / scale,
        with_interval=known["in_95"].notna().astype("int64"),
        hits_80=known["in_80"].astype("float64"),
        hits_95=known["in_95"].astype("float64"),
    )
    groups = prepared.groupby(ACCURACY_KEYS, observed=True, sort=True)
    sums = groups.agg(
        n=("actual", "size"),
        errors=("error", "sum"),
        absolute_errors=("absolute_error", "sum"),
        absolute_actuals=("absolute_actual", "sum"),
        mase=("scaled_error", "mean"),
        msis=("scaled_interval_score", "mean"),
        with_interval=("with_interval", "sum"),
        hits_80=("hits_80", "sum"),
        hits_95=("hits_95", "sum"),
    ).reset_index()
    return _accuracy_columns(sums)


def _accuracy_columns(sums: pd.DataFrame) -> pd.DataFrame:
    weight = sums["absolute_actuals"].where(sums["absolute_actuals"] > 0)
    trials = sums["with_interval"].where(sums["with_interval"] > 0)
    result = sums[[*ACCURACY_KEYS, "n"]].assign(
        horizon_bucket=sums["horizon_bucket"].astype("str"),
        wape=sums["absolute_errors"] / weight,
        mase=sums["mase"],
        bias=sums["errors"] / weight,
    )
    for level in (80, 95):
        hits = sums[f"hits_{level}"]
        lower, upper = wilson_interval(hits, sums["with_interval"])
        result[f"coverage_{level}"] = hits / trials
        result[f"coverage_{level}_lower"] = lower
        result[f"coverage_{level}_upper"] = upper
    return result.assign(msis=sums["msis"])
