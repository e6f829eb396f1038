"""Every look judged: the battery over all groups, with what was known at each.

Here belongs the study that is made of a layout, and that the sequential test and the
decision stay with the sums that completed the plan. Here do not belong names of columns
(``comparisons``, ``verdicts``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.analysis.experiment_results.hygiene import Traffic
from dagster_project.analysis.experiment_results.positions import Arms, Layout, Places
from dagster_project.analysis.experiment_results.priors import (
    LEAST_EXPERIMENTS,
    final_groups,
    past_effects,
    prior_of,
)
from dagster_project.analysis.experiment_results.schedule import Schedule
from dagster_project.analysis.experiments.arrays import BoolArray, FloatArray, fieldwise
from dagster_project.analysis.experiments.battery import Battery, analysed
from dagster_project.analysis.experiments.bayes import Prior
from dagster_project.analysis.experiments.contrasts import relative_by_delta
from dagster_project.analysis.experiments.decisions import Decision, decided
from dagster_project.analysis.experiments.evidence import gathered
from dagster_project.analysis.experiments.study import Study

_PER_EXPERIMENT: Final = (
    *("kind", "role", "direction", "margin", "mde", "units", "weights"),
    *("information", "planned_units", "quality_passed"),
)
# Where no units are planned the always-valid interval is tightest here.
UNPLANNED_UNITS = 10_000.0


@dataclass(frozen=True)
class Plan:
    """Per group (u,): planned units of all arms (NaN: none), do checks pass."""

    planned_units: FloatArray
    quality_passed: BoolArray


def judged_looks(
    layout: Layout,
    schedule: Schedule,
    study: Study,
    *,
    alpha: float,
    power: float,
) -> Battery:
    """Run the battery; the sequential test and the decision stop at the plan's end.

    After the look that completed the plan the sequential columns and the decision are
    those of that look, with the checks of the day itself; all other columns go on.
    """
    prior = _learned(layout, schedule, study)
    found = analysed(replace(study, prior=prior), alpha=alpha, power=power)
    at = schedule.judged_at

    def taken(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(values[at])

    sequential = replace(
        found.sequential,
        absolute=fieldwise(taken, found.sequential.absolute),
        relative=fieldwise(taken, found.sequential.relative),
    )
    kept = replace(found, sequential=sequential, guards=fieldwise(taken, found.guards))
    return replace(kept, decision=_decision(kept, study))


def _learned(layout: Layout, schedule: Schedule, study: Study) -> Prior | None:
    """What finished experiments teach; only their last looks are worked out for it."""
    rows = final_groups(layout, schedule)
    if len(rows) < LEAST_EXPERIMENTS:
        return None

    def taken(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(values[rows])

    chosen: dict[str, Any] = {
        name: taken(getattr(study, name)) for name in _PER_EXPERIMENT
    }
    if study.quantiles is not None:
        chosen["quantiles"] = fieldwise(taken, study.quantiles)
    ends = replace(study, sums=fieldwise(taken, study.sums), **chosen)
    lifts = relative_by_delta(gathered(ends).contrast)
    return prior_of(layout, past_effects(layout, rows, lifts))


def _decision(battery: Battery, study: Study) -> Decision:
    return decided(
        roles=study.role,
        is_superior=battery.guards.is_superior,
        is_non_inferior=battery.guards.is_non_inferior,
        is_deteriorated=battery.guards.is_deteriorated,
        quality_passed=study.quality_passed[:, np.newaxis],
        information=np.fmax.reduce(study.information, axis=-1, keepdims=True),
    )


def study_of(
    layout: Layout, schedule: Schedule, arms: Arms, traffic: Traffic, plan: Plan
) -> Study:
    """The arrays of a layout as the battery reads them.

    ``units`` are those exposed by the end of the day, where the group's traffic is
    known, else those of its metric with most.
    """
    counted = layout.sums.count.max(axis=1)
    return Study(
        sums=layout.sums,
        kind=layout.kind,
        role=layout.role,
        direction=layout.direction,
        margin=layout.margin,
        mde=layout.mde,
        units=_exposed(layout.units, traffic, counted),
        weights=np.nan_to_num(arms.weights[layout.experiment]),
        information=schedule.information,
        planned_units=np.where(
            plan.planned_units > 0, plan.planned_units, UNPLANNED_UNITS
        ),
        quality_passed=plan.quality_passed,
        quantiles=layout.quantiles,
    )


def _exposed(units: pd.DataFrame, traffic: Traffic, counted: FloatArray) -> FloatArray:
    keys = ["experiment_name", "dimension", "dimension_value"]
    where = pd.MultiIndex.from_frame(traffic.slices[keys])
    row = where.get_indexer(pd.MultiIndex.from_frame(units[keys]))
    if not traffic.days.size:
        return counted
    day = units["day_date"].to_numpy().astype("datetime64[D]")
    gap = (day - traffic.days[row, 0]).astype("timedelta64[D]").astype(np.float64)
    known = (row >= 0) & (gap >= 0) & (gap < traffic.days.shape[1])
    at: Places = np.where(known, np.nan_to_num(gap), 0).astype(np.int64)
    exposed = traffic.arms[row, at]
    return np.where(known[:, np.newaxis], exposed, counted)


def subset(
    layout: Layout, schedule: Schedule, keep: BoolArray
) -> tuple[Layout, Schedule]:
    """The groups of some experiments; an experiment is kept whole."""
    chosen = np.flatnonzero(keep)
    moved = np.cumsum(keep) - 1

    def taken(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(values[chosen])

    return (
        replace(
            layout,
            units=layout.units.iloc[chosen].reset_index(drop=True),
            sums=fieldwise(taken, layout.sums),
            quantiles=fieldwise(taken, layout.quantiles),
            **{
                name: taken(getattr(layout, name))
                for name in (
                    *("experiment", "metric_names", "metric_labels", "is_capped"),
                    *("kind", "role", "direction", "margin", "mde"),
                )
            },
        ),
        replace(
            schedule,
            information=schedule.information[chosen],
            judged_at=moved[schedule.judged_at[chosen]].astype(np.int64),
        ),
    )
