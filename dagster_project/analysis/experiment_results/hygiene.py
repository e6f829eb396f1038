"""Did the experiment run as declared? One row per check, day, slice and subject.

Here belong the checks and their limits; the tests of shares are in
``experiments.sample_ratio``. Checks of severity ``error`` make the results invalid,
those of severity ``warning`` are shown beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.analysis.experiment_results.frames import (
    ALL,
    CLOSED,
    CUMULATIVE,
    ExperimentFrames,
)
from dagster_project.analysis.experiment_results.positions import Arms, Layout
from dagster_project.analysis.experiments.arrays import BoolArray, FloatArray
from dagster_project.analysis.experiments.contrasts import (
    contrast_of,
    control_and_treatments,
    mean_value,
)
from dagster_project.analysis.experiments.inference import welch_test
from dagster_project.analysis.experiments.sample_ratio import (
    ALARM,
    sample_ratio_test,
    sequential_log_p,
)
from dagster_project.analysis.experiments.sums import Moments, X, Y, moments_of

SAMPLE_RATIO, SAMPLE_RATIO_EVER = "sample_ratio", "sample_ratio_sequential"
SEVERAL_VARIANTS, UNKNOWN_VARIANTS = "several_variants", "unknown_variants"
STRAY_TRAFFIC, PRE_PERIOD = "traffic_in_zero_arm", "pre_period_balance"
AS_ASSIGNED = "exposed_as_assigned"
ERROR, WARNING = "error", "warning"
_SLICE: Final = ["experiment_name", "dimension", "dimension_value"]
_KEYS: Final = (*_SLICE, "day_date", "variant", "metric_name", "check_name")


@dataclass(frozen=True)
class Traffic:
    """Units that had been exposed by the end of each day; s slices, d days, a arms.

    ``slices`` one row per experiment, dimension and value; ``days`` (s, d) dates, NaT
    after the last; ``arms`` (s, d, a) declared variants; ``weights`` (s, 1, a);
    ``several`` and ``unknown`` (s, d) units seen in several variants and in none that
    is declared.
    """

    slices: pd.DataFrame
    days: npt.NDArray[Any]
    arms: FloatArray
    weights: FloatArray
    several: FloatArray
    unknown: FloatArray


def traffic_of(frames: ExperimentFrames, arms: Arms) -> Traffic:
    """Accumulate exposures over the days from the start to the last day with sums."""
    rows = frames.traffic[frames.traffic["experiment_name"].isin(arms.experiments)]
    rows = rows.merge(arms.table, on=["experiment_name", "variant"], how="left")
    span = _span(frames, rows)
    rows = rows.merge(span, on="experiment_name")
    rows = rows[rows["exposure_date"] <= rows["last_day"]]
    slices = rows[_SLICE].drop_duplicates().sort_values(_SLICE, ignore_index=True)
    where = pd.MultiIndex.from_frame(slices)
    s = where.get_indexer(pd.MultiIndex.from_frame(rows[_SLICE]))
    day = (rows["exposure_date"] - rows["first_day"]).dt.days.to_numpy()
    slices = slices.merge(span, on="experiment_name", how="left")
    length = (slices["last_day"] - slices["first_day"]).dt.days.to_numpy() + 1
    days = int(length.max()) if len(length) else 0
    units = rows["unit_count"].fillna(0).to_numpy()
    known = rows["arm"].notna().to_numpy()
    counts = np.zeros((len(slices), days, arms.width))
    arm = rows["arm"].fillna(0).to_numpy(dtype=np.int64)
    np.add.at(counts, (s[known], day[known], arm[known]), units[known])
    several, unknown = np.zeros((2, len(slices), days))
    twice = rows["several_variants_count"].fillna(0).to_numpy()
    np.add.at(several, (s, day), twice)
    np.add.at(unknown, (s[~known], day[~known]), units[~known])
    first = slices["first_day"].to_numpy().astype("datetime64[D]")
    dates = first[:, np.newaxis] + np.arange(days).astype("timedelta64[D]")
    dates[np.arange(days) >= length[:, np.newaxis]] = np.datetime64("NaT")
    experiment = arms.experiments.get_indexer(pd.Index(slices["experiment_name"]))
    return Traffic(
        slices=slices[_SLICE],
        days=dates,
        arms=counts.cumsum(axis=1),
        weights=arms.weights[experiment][:, np.newaxis, :],
        several=several.cumsum(axis=1),
        unknown=unknown.cumsum(axis=1),
    )


def _span(frames: ExperimentFrames, rows: pd.DataFrame) -> pd.DataFrame:
    """First and last day of each experiment with traffic."""
    by_traffic = rows.groupby("experiment_name")["exposure_date"].agg(["min", "max"])
    by_sums = frames.sums.groupby("experiment_name")["day_date"].max()
    starts = frames.definitions.set_index("experiment_name")["start_date"]
    declared = starts.reindex(by_traffic.index).fillna(by_traffic["min"])
    first = np.minimum(by_traffic["min"], declared)
    # Without sums yet, the days of traffic are all there is.
    last = by_sums.reindex(by_traffic.index).fillna(by_traffic["max"])
    return pd.DataFrame({"first_day": first, "last_day": last}).reset_index()


def quality_rows(
    frames: ExperimentFrames, arms: Arms, layout: Layout, traffic: Traffic
) -> pd.DataFrame:
    """Every check of every experiment, day and slice.

    Columns: experiment_name, dimension, dimension_value, day_date, variant and
    metric_name (all where the check is not about one), check_name, severity, value,
    limit_value, is_passed, unit_count. ``value`` null: the check could not be made
    (no units, no spread); such a check passes.
    """
    limits = frames.definitions.set_index("experiment_name")["several_variants_limit"]
    limit = traffic.slices["experiment_name"].map(limits).to_numpy(dtype=np.float64)
    parts = [
        *_ratio_rows(traffic),
        _several_rows(traffic, limit),
        _unknown_rows(traffic),
        _stray_rows(traffic, arms),
        _balance_rows(arms, layout),
        _assigned_rows(frames, traffic),
    ]
    rows = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return rows.sort_values(list(_KEYS), ignore_index=True)


def quality_passed(rows: pd.DataFrame) -> pd.Series:
    """Whether all checks that invalidate passed, by (experiment_name, day_date)."""
    grave = rows[rows["severity"] == ERROR]
    return grave.groupby(["experiment_name", "day_date"])["is_passed"].all()


def _rows(
    traffic: Traffic,
    name: str,
    value: FloatArray,
    limit: npt.ArrayLike,
    passed: BoolArray,
    *,
    severity: npt.ArrayLike,
    units: FloatArray,
) -> pd.DataFrame:
    """Flatten a check of (slices, days), the days that are not leaving out."""
    shape = traffic.days.shape
    slice_of, _ = np.indices(shape)
    frame = traffic.slices.iloc[slice_of.reshape(-1)].reset_index(drop=True)
    frame["day_date"] = traffic.days.reshape(-1).astype("datetime64[us]")
    frame = frame.assign(variant=ALL, metric_name=ALL, check_name=name)
    for column, array in (
        ("severity", severity),
        ("value", value),
        ("limit_value", limit),
        ("is_passed", passed),
        ("unit_count", units),
    ):
        frame[column] = np.broadcast_to(np.asarray(array), shape).reshape(-1)
    return frame[frame["day_date"].notna()]


def _ratio_rows(traffic: Traffic) -> list[pd.DataFrame]:
    """Shares against weights: what a day shows, and what any day so far has shown.

    Over all units both invalidate: the fixed test the decisions of the days on which
    it alarms, the sequential one, which may be read daily, all days from its alarm on.
    Slices warn: they are many.
    """
    if not traffic.arms.size:
        return []
    units = traffic.arms.sum(axis=-1)
    fixed = sample_ratio_test(traffic.arms, traffic.weights)
    ever = np.exp(sequential_log_p(traffic.arms, traffic.weights))
    grave = _whole_only(traffic)
    by_day = ~(fixed.p_value < ALARM)
    return [
        _rows(
            *(traffic, SAMPLE_RATIO, fixed.p_value, ALARM, by_day),
            severity=grave,
            units=units,
        ),
        _rows(
            *(traffic, SAMPLE_RATIO_EVER, ever, ALARM, ~(ever < ALARM)),
            severity=grave,
            units=units,
        ),
    ]


def _whole_only(traffic: Traffic) -> npt.NDArray[np.str_]:
    whole = (traffic.slices["dimension"] == ALL).to_numpy()
    return np.where(whole, ERROR, WARNING)[:, np.newaxis]


def _several_rows(traffic: Traffic, limit: FloatArray) -> pd.DataFrame:
    units = traffic.arms.sum(axis=-1) + traffic.several
    share = np.divide(
        traffic.several, units, out=np.full(units.shape, np.nan), where=units > 0
    )
    bound = limit[:, np.newaxis]
    rows = _rows(
        *(traffic, SEVERAL_VARIANTS, share, bound, ~(share > bound)),
        severity=ERROR,
        units=units,
    )
    return rows[rows["dimension"] == ALL]


def _unknown_rows(traffic: Traffic) -> pd.DataFrame:
    count = traffic.unknown
    rows = _rows(
        *(traffic, UNKNOWN_VARIANTS, count, 0.0, count == 0),
        severity=WARNING,
        units=traffic.arms.sum(axis=-1) + count,
    )
    return rows[rows["dimension"] == ALL]


def _stray_rows(traffic: Traffic, arms: Arms) -> pd.DataFrame:
    """Units in each arm that is declared with no share of the traffic."""
    table = arms.table[arms.table["allocation"] == 0]
    parts = []
    for arm, variants in table.groupby("arm"):
        stray = traffic.arms[..., int(str(arm))]
        rows = _rows(
            *(traffic, STRAY_TRAFFIC, stray, 0.0, stray == 0),
            severity=ERROR,
            units=traffic.arms.sum(axis=-1),
        )
        names = variants.set_index("experiment_name")["variant"]
        rows = rows[rows["experiment_name"].isin(names.index)]
        rows = rows[rows["dimension"] == ALL]
        parts.append(rows.assign(variant=rows["experiment_name"].map(names)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _assigned_rows(frames: ExperimentFrames, traffic: Traffic) -> pd.DataFrame:
    """Units that saw another variant than they were assigned, as of the last day.

    Of an experiment with two sources of assignments, the one that looks worse. Warns:
    who was analysed was analysed as exposed, and may still be compared.
    """
    source = ["experiment_name", "assignment_source"]
    rows = frames.assignments
    rows = rows.assign(wrong=rows["unit_count"].where(~rows["is_as_assigned"], 0.0))
    found = rows.groupby(source, as_index=False)[["unit_count", "wrong"]].sum()
    found = found.assign(value=found["wrong"] / found["unit_count"])
    found = found.sort_values(["experiment_name", "value"])
    found = found.drop_duplicates("experiment_name", keep="last")
    days = traffic.slices[["experiment_name"]].assign(
        day_date=pd.DataFrame(traffic.days).max(axis=1).astype("datetime64[us]")
    )
    found = found.merge(days.groupby("experiment_name", as_index=False).max())
    limits = frames.definitions.set_index("experiment_name")["misassigned_limit"]
    limit = found["experiment_name"].map(limits).astype("float64")
    found = found.assign(
        **dict.fromkeys(("dimension", "dimension_value", "variant"), ALL),
        metric_name=ALL,
        check_name=AS_ASSIGNED,
        severity=WARNING,
        limit_value=limit,
        is_passed=~(found["value"] > limit),
    )
    return found.drop(columns=["assignment_source", "wrong"])


def _balance_rows(arms: Arms, layout: Layout) -> pd.DataFrame:
    """Were the arms alike before exposure? Welch's test of each metric's covariate."""
    units = layout.units
    # Every exposed unit has its past at once; the closed view has it later.
    views = units.groupby("experiment_name")["view"]
    chosen = views.transform(
        lambda v: CUMULATIVE if (v == CUMULATIVE).any() else CLOSED
    )
    keep = (units["view"] == chosen) & (units["dimension"] == ALL)
    keep &= ~units["is_uncapped"]
    rows = np.flatnonzero(keep)
    past = _past(moments_of(layout.sums), rows)
    control, treated = control_and_treatments(past)
    contrast = contrast_of(control, treated, mean_value(control), mean_value(treated))
    found = welch_test(contrast, alpha=ALARM)
    place = np.argwhere(np.isfinite(found.p_value))
    group, metric, arm = place.T
    frame = units.iloc[rows[group]][[*_SLICE, "day_date"]].reset_index(drop=True)
    variants = arms.table.set_index(["experiment_name", "arm"])["variant"]
    keys = pd.MultiIndex.from_arrays([frame["experiment_name"], arm + 1])
    p_value = found.p_value[tuple(place.T)]
    return frame.assign(
        variant=variants.reindex(keys).to_numpy(),
        metric_name=layout.metric_names[rows[group], metric],
        check_name=PRE_PERIOD,
        severity=WARNING,
        value=p_value,
        limit_value=ALARM,
        is_passed=~(p_value < ALARM),
        unit_count=contrast.units[tuple(place.T)],
    )


def _past(moments: Moments, rows: npt.NDArray[np.int64]) -> Moments:
    """The same units with the covariate in the place of the figure."""
    order = [X, 1, Y, 3]
    return Moments(
        moments.count[rows],
        moments.mean[rows][..., order],
        moments.covariance[rows][..., order, :][..., order],
    )
