"""Comparisons with names: one row per look, metric, treatment, view and slice.

Here belong the columns of ``analysis.experiment_results_daily``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dagster_project.analysis.experiment_results.frames import ExperimentFrames
from dagster_project.analysis.experiment_results.positions import UNIT, Arms, Layout
from dagster_project.analysis.experiment_results.schedule import Schedule
from dagster_project.analysis.experiment_results.slices import Together
from dagster_project.analysis.experiment_results.strata import other_effects
from dagster_project.analysis.experiments.battery import Battery
from dagster_project.analysis.experiments.decisions import Role
from dagster_project.analysis.experiments.results import comparison_frame
from dagster_project.analysis.experiments.study import MetricKind

_POSITIONS = ["experiment", "metric", "treatment"]


def named_comparisons(
    frames: ExperimentFrames,
    arms: Arms,
    layout: Layout,
    schedule: Schedule,
    battery: Battery,
    company: Together,
    *,
    alpha: float,
) -> pd.DataFrame:
    """Name the rows of a battery; positions that no metric or arm fills are left out.

    Effects in the metric's unit, lifts as shares of |control|, ``*_log_p`` natural
    logs. Sequential columns are null outside the closed view.
    """
    rows = comparison_frame(battery)
    for name in (
        *("slice_p_value", "heterogeneity_q", "heterogeneity_p_value", "i_squared"),
    ):
        rows[name] = getattr(company, name).reshape(-1)
    others = other_effects(frames, layout, battery, alpha)
    rows = pd.concat([rows, others], axis=1)
    rows["is_slice_discovery"] = rows["slice_p_value"] < alpha
    rows["effect_slope_per_day"] = company.slope.reshape(-1)
    rows["effect_slope_p_value"] = np.exp(company.slope_log_p.reshape(-1))
    rows["sequential_effect"] = battery.sequential.absolute.estimate.reshape(-1)
    rows["sequential_lift"] = battery.sequential.relative.estimate.reshape(-1)
    unjudged = rows["sequential_lower"].isna()
    rows.loc[unjudged, ["sequential_effect", "sequential_lift"]] = np.nan
    rows["information"] = np.repeat(
        np.fmax.reduce(schedule.information, axis=-1), _width(battery)
    )
    rows["looks"] = np.repeat(
        np.isfinite(schedule.information).sum(axis=-1), _width(battery)
    )
    rows = pd.concat([rows, _named(rows, frames, arms, layout)], axis=1)
    rows = rows[(rows["role"] != "") & rows["treatment_name"].notna()]
    rows = rows.drop(columns=_POSITIONS).rename(columns={"treatment_name": "treatment"})
    return rows.reset_index(drop=True)


def _width(battery: Battery) -> int:
    return int(np.prod(battery.contrast.difference.shape[1:]))


def _named(
    rows: pd.DataFrame, frames: ExperimentFrames, arms: Arms, layout: Layout
) -> pd.DataFrame:
    group, metric, treatment = (rows[name].to_numpy() for name in _POSITIONS)
    units = layout.units.iloc[group].reset_index(drop=True)
    variants = arms.table.set_index(["experiment_name", "arm"])["variant"]
    keys = pd.MultiIndex.from_arrays([units["experiment_name"], treatment + 1])
    hashes = frames.definitions.set_index("experiment_name")["config_hash"]
    role_names = np.array([role.name.lower() for role in Role] + [""], dtype=object)
    kind_names = np.array([kind.name.lower() for kind in MetricKind], dtype=object)
    level = rows["control_level"].to_numpy() + rows["effect"].to_numpy()
    named = units[[*UNIT, "day_date", "data_complete_through"]].assign(
        metric_name=layout.metric_names[group, metric],
        metric_kind=kind_names[layout.kind[group, metric]],
        role=role_names[layout.role[group, metric]],
        is_capped=layout.is_capped[group, metric],
        treatment_name=variants.reindex(keys).to_numpy(),
        control_units=layout.sums.count[group, metric, 0],
        treatment_units=layout.sums.count[group, metric, treatment + 1],
        treatment_level=level,
        config_hash=units["experiment_name"].map(hashes),
    )
    return named.drop(columns="is_uncapped")
