"""Effects without adjustment, and weighted by strata: what stands beside CUPED.

Strata are the groups of one slice, so their sums are at hand. Here do not belong
decisions: they rest on the adjusted effects alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from dagster_project.analysis.experiment_results.frames import ALL, ExperimentFrames
from dagster_project.analysis.experiment_results.positions import Layout
from dagster_project.analysis.experiment_results.slices import LOOK, grouped
from dagster_project.analysis.experiments.arrays import (
    CodeArray,
    FloatArray,
    fieldwise,
)
from dagster_project.analysis.experiments.battery import Battery
from dagster_project.analysis.experiments.contrasts import (
    control_and_treatments,
    mean_contrast,
    ratio_contrast,
)
from dagster_project.analysis.experiments.inference import Estimate, welch_test
from dagster_project.analysis.experiments.lifts import Interval, fieller_interval
from dagster_project.analysis.experiments.reasons import Reason, reason_names
from dagster_project.analysis.experiments.stratification import stratified_contrast
from dagster_project.analysis.experiments.study import MetricKind
from dagster_project.analysis.experiments.sums import Moments, moments_of
from dagster_project.analysis.experiments.tails import student_critical


@dataclass(frozen=True)
class Stratified:
    """Post-stratified effects (groups, m, a - 1) and the row of each group's look."""

    rows: np.ndarray
    absolute: Estimate
    relative: Interval


def other_effects(
    frames: ExperimentFrames, layout: Layout, battery: Battery, alpha: float
) -> pd.DataFrame:
    """Columns ``raw_*`` and ``stratified_*`` for every comparison, in its order.

    Post-stratified effects stand in rows of all units of experiments that declare
    strata; elsewhere they are null, and so are those of quantiles, which do not follow
    from the quantiles of strata.
    """
    moments = moments_of(layout.sums)
    raw = _raw(moments, layout, battery, alpha)
    columns = {
        "raw_effect": raw.estimate,
        "raw_std_error": raw.std_error,
        "raw_lower": raw.lower,
        "raw_upper": raw.upper,
    }
    shape = battery.contrast.difference.shape
    return pd.DataFrame(
        {name: column.reshape(-1) for name, column in columns.items()}
        | _spread_out(_stratified(frames, layout, moments, alpha), layout.kind, shape)
    )


def _raw(moments: Moments, layout: Layout, battery: Battery, alpha: float) -> Estimate:
    """Welch's test without covariates; shares and quantiles have none anyway."""
    arms = control_and_treatments(moments)
    kind = layout.kind[..., np.newaxis]

    def chosen(ratio: FloatArray, mean: FloatArray) -> FloatArray:
        return np.where(kind == MetricKind.RATIO, ratio, mean)

    plain = fieldwise(chosen, ratio_contrast(*arms), mean_contrast(*arms))

    def without(fixed: FloatArray, tested: FloatArray) -> FloatArray:
        return np.where(np.isin(kind, _UNADJUSTED), fixed, tested)

    return fieldwise(without, battery.fixed.absolute, welch_test(plain, alpha=alpha))


def _stratified(
    frames: ExperimentFrames, layout: Layout, moments: Moments, alpha: float
) -> Stratified | None:
    units = layout.units
    declared = frames.definitions.set_index("experiment_name")["strata"]
    strata = units["experiment_name"].map(declared)
    groups = grouped(units, (units["dimension"] == strata).to_numpy(), LOOK)
    if not len(groups.members):
        return None
    strata_moments = Moments(
        np.nan_to_num(groups.block(moments.count)),
        groups.block(moments.mean),
        groups.block(moments.covariance),
    )
    first = groups.members[np.unique(groups.place[0], return_index=True)[1]]
    is_ratio = (layout.kind == MetricKind.RATIO)[first][:, np.newaxis, :, np.newaxis]
    contrast = stratified_contrast(
        *control_and_treatments(strata_moments), is_ratio=is_ratio, axis=1
    )
    absolute = welch_test(contrast, alpha=alpha)
    critical = student_critical(alpha / 2, contrast.dof)
    flag = absolute.is_significant
    return Stratified(
        _rows_of_all(units, units.iloc[first]),
        absolute,
        fieller_interval(contrast, critical, is_significant=flag),
    )


def _rows_of_all(units: pd.DataFrame, looks: pd.DataFrame) -> np.ndarray:
    """The row of each look over all units."""
    whole = np.flatnonzero((units["dimension"] == ALL).to_numpy())
    index = pd.MultiIndex.from_frame(units.iloc[whole][LOOK])
    return np.asarray(whole[index.get_indexer(pd.MultiIndex.from_frame(looks[LOOK]))])


def _spread_out(
    found: Stratified | None, kind: CodeArray, shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    figures: dict[str, np.ndarray] = {
        f"stratified_{name}": np.full(shape, np.nan) for name in _NAMES
    }
    flag = np.zeros(shape, dtype=np.bool_)
    reason = np.full(shape, None, dtype=object)
    if found is not None:
        told = (kind[found.rows] != MetricKind.QUANTILE)[..., np.newaxis]
        for name, of in _NAMES.items():
            part = found.relative if name.startswith("lift") else found.absolute
            column = np.where(told, getattr(part, of), np.nan)
            figures[f"stratified_{name}"][found.rows] = column
        flag[found.rows] = found.absolute.is_significant & told
        codes = np.where(told, found.absolute.reason, np.int8(Reason.NONE))
        reason[found.rows] = reason_names(codes)
    columns = figures | {"is_stratified_significant": flag, "stratified_reason": reason}
    return {name: column.reshape(-1) for name, column in columns.items()}


_UNADJUSTED: Final = (MetricKind.PROPORTION, MetricKind.QUANTILE)
_NAMES: Final = {
    **{"effect": "estimate", "std_error": "std_error", "p_value": "p_value"},
    **{"lower": "lower", "upper": "upper", "lift": "estimate"},
    **{"lift_lower": "lower", "lift_upper": "upper"},
}
