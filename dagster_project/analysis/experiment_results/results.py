"""Results of all experiments from their frames: the one entry of this package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dagster_project.analysis.experiment_results.comparisons import named_comparisons
from dagster_project.analysis.experiment_results.frames import (
    ALL,
    CALENDAR_DAY,
    DAY_SINCE_EXPOSURE,
    ExperimentFrames,
)
from dagster_project.analysis.experiment_results.hygiene import (
    quality_passed,
    quality_rows,
    traffic_of,
)
from dagster_project.analysis.experiment_results.interactions import interaction_rows
from dagster_project.analysis.experiment_results.looks import (
    Plan,
    judged_looks,
    study_of,
    subset,
)
from dagster_project.analysis.experiment_results.positions import (
    Layout,
    arms_of,
    laid_out,
)
from dagster_project.analysis.experiment_results.priors import final_groups
from dagster_project.analysis.experiment_results.schedule import Schedule, schedule_of
from dagster_project.analysis.experiment_results.slices import together
from dagster_project.analysis.experiment_results.verdicts import named_decisions
from dagster_project.analysis.experiments.arrays import BoolArray


@dataclass(frozen=True)
class ExperimentResults:
    """What is known of all experiments, each row with its ``config_hash``.

    ``comparisons`` one row per experiment, metric, treatment, view, slice, day and
    capping; ``decisions`` one per experiment, treatment and day; ``quality`` one per
    experiment, check, day, slice and subject; ``interactions`` one per pair of
    experiments that share units, metric and pair of treatments, of the last day alone.
    Empty, without columns, where no experiment has anything to show.
    """

    comparisons: pd.DataFrame
    decisions: pd.DataFrame
    quality: pd.DataFrame
    interactions: pd.DataFrame = field(default_factory=pd.DataFrame)


def results_of(
    frames: ExperimentFrames, *, since: Mapping[str, int] | None = None
) -> ExperimentResults:
    """Judge the looks of every experiment, those from day number ``since`` on.

    Without ``since``, or for an experiment that it does not name, all of them.

    A pure function of the frames: a day whose sums are what they were has the rows it
    had, whatever days and experiments have come since. Experiments are judged together
    by confidence and power. Raises ``ValueError`` for frames that do not fit together.
    """
    arms = arms_of(frames)
    traffic = traffic_of(frames, arms)
    layout = laid_out(frames, arms)
    schedule = schedule_of(frames, layout)
    quality = quality_rows(frames, arms, layout, traffic)
    hashes = frames.definitions.set_index("experiment_name")["config_hash"]
    quality["config_hash"] = quality["experiment_name"].map(hashes)
    plan = _plan(frames, layout, quality)
    levels = _levels(frames, layout)
    fresh = _fresh(layout.units, since or {})
    judged = _judged(layout, schedule, fresh)
    parts = []
    for confidence, power in np.unique(levels, axis=0):
        keep = judged & (levels == (confidence, power)).all(axis=1)
        own, looks = subset(layout, schedule, keep)
        own_plan = Plan(plan.planned_units[keep], plan.quality_passed[keep])
        study = study_of(own, looks, arms, traffic, own_plan)
        alpha = float(np.round(1 - confidence, 12))
        battery = judged_looks(own, looks, study, alpha=alpha, power=float(power))
        company = together(own, battery, alpha)
        rows = named_comparisons(
            *(frames, arms, own, looks, battery, company), alpha=alpha
        )
        rows["confidence"] = confidence
        told = named_decisions(frames, arms, own, looks, battery, rows, quality)
        parts.append((rows[_fresh(rows, since or {})], told[_fresh(told, since or {})]))
    return ExperimentResults(
        comparisons=_joined([rows for rows, _ in parts]),
        decisions=_joined([told for _, told in parts]),
        quality=quality,
        interactions=interaction_rows(frames, arms),
    )


def _fresh(rows: pd.DataFrame, since: Mapping[str, int]) -> BoolArray:
    """Rows that are asked for; days since exposure have no date, and always are."""
    first = (
        rows["experiment_name"].map(dict(since)).fillna(0).to_numpy(dtype=np.float64)
    )
    fresh = rows["day_number"].to_numpy(dtype=np.float64) >= first
    if "view" in rows:
        fresh |= (rows["view"] == DAY_SINCE_EXPOSURE).to_numpy()
    return np.asarray(fresh, dtype=np.bool_)


def _judged(layout: Layout, schedule: Schedule, fresh: BoolArray) -> BoolArray:
    """The groups that are asked for, and those that they lean on.

    These are the look that completed the plan, the final looks that teach a prior, and
    the calendar days that an effect's slope goes through.
    """
    units = layout.units
    course = (units["view"] == CALENDAR_DAY) & (units["dimension"] == ALL)
    judged = fresh | course.to_numpy()
    judged[schedule.judged_at[fresh]] = True
    judged[final_groups(layout, schedule)] = True
    return judged


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _levels(frames: ExperimentFrames, layout: Layout) -> np.ndarray:
    declared = frames.definitions.set_index("experiment_name")
    chosen = declared.reindex(layout.units["experiment_name"])
    return chosen[["confidence", "power"]].to_numpy(dtype=np.float64)


def _plan(frames: ExperimentFrames, layout: Layout, quality: pd.DataFrame) -> Plan:
    """Planned units and the day's checks of each group.

    A day without checks (nobody exposed yet) has failed none.
    """
    passed = quality_passed(quality)
    units = layout.units
    keys = pd.MultiIndex.from_frame(units[["experiment_name", "day_date"]])
    of_day = passed.reindex(keys).fillna(True).to_numpy(dtype=np.bool_)
    planned = frames.definitions.set_index("experiment_name")["planned_units"]
    units_planned = units["experiment_name"].map(planned)
    return Plan(units_planned.to_numpy(dtype=np.float64), of_day)
