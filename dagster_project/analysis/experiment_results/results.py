"""Results of all experiments from their frames: the one entry of this package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dagster_project.analysis.experiment_results.comparisons import named_comparisons
from dagster_project.analysis.experiment_results.frames import ExperimentFrames
from dagster_project.analysis.experiment_results.hygiene import (
    quality_passed,
    quality_rows,
    traffic_of,
)
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
from dagster_project.analysis.experiment_results.schedule import schedule_of
from dagster_project.analysis.experiment_results.slices import together
from dagster_project.analysis.experiment_results.verdicts import named_decisions


@dataclass(frozen=True)
class ExperimentResults:
    """What is known of all experiments, each row with its ``config_hash``.

    ``comparisons`` one row per experiment, metric, treatment, view, slice, day and
    capping; ``decisions`` one per experiment, treatment and day; ``quality`` one per
    experiment, check, day, slice and subject. Empty, without columns, where no
    experiment has anything to show.
    """

    comparisons: pd.DataFrame
    decisions: pd.DataFrame
    quality: pd.DataFrame


def results_of(frames: ExperimentFrames) -> ExperimentResults:
    """Judge every look of every experiment anew.

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
    parts = []
    for confidence, power in np.unique(levels, axis=0):
        keep = (levels == (confidence, power)).all(axis=1)
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
        parts.append((rows, told))
    return ExperimentResults(
        comparisons=_joined([rows for rows, _ in parts]),
        decisions=_joined([told for _, told in parts]),
        quality=quality,
    )


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
