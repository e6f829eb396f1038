"""How much of its plan an experiment knew at each look.

Here belong the matured share of the plan by day, the looks that a sequential test may
count, and the look at which the plan is complete. Slices share the looks of their
experiment: they have no plan of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.analysis.experiment_results.frames import (
    ALL,
    CLOSED,
    ExperimentFrames,
)
from dagster_project.analysis.experiment_results.positions import Layout, Places
from dagster_project.analysis.experiments.arrays import FloatArray
from dagster_project.analysis.experiments.decisions import Role


@dataclass(frozen=True)
class Schedule:
    """What each judged group knew; u groups as in ``Layout``.

    ``information`` (u, looks): the matured share of the plan at each look so far, NaN
    after the present one and throughout for groups without a sequential test (other
    views than the closed one, no planned units). ``judged_at`` (u,) the group whose
    sums the sequential test and the decision read: the group itself, or that of the
    look that completed the plan. ``table`` one row per experiment and day of the closed
    view: experiment_name, day_number, matured_units, information, look_number.
    """

    information: FloatArray
    judged_at: Places
    table: pd.DataFrame


def schedule_of(frames: ExperimentFrames, layout: Layout) -> Schedule:
    """Read the looks off the closed view over all units.

    The information of a day is the smallest matured share among the metrics that
    decide (all but secondary ones): the error that is spent then never runs ahead of
    what is known. It is complete at the planned units, or once the planned days are
    over, the experiment has ended and every window has closed: then all error may be
    spent on the units that came. A share never falls from one day to the next.
    """
    looks = _looks(frames, layout)
    per_day = looks.set_index(["experiment_name", "day_number"])
    keys = pd.MultiIndex.from_frame(layout.units[["experiment_name", "day_number"]])
    closed = (layout.units["view"] == CLOSED).to_numpy()
    row = np.where(closed, per_day.index.get_indexer(keys), -1)
    return Schedule(_schedules(looks, row), _judged_at(looks, layout, row), looks)


def _looks(frames: ExperimentFrames, layout: Layout) -> pd.DataFrame:
    units = layout.units
    total = layout.sums.count.sum(axis=-1)
    decides = (layout.role >= 0) & (layout.role != Role.SECONDARY)
    # An experiment that declares secondary metrics alone is paced by them.
    counted = np.where(decides.any(axis=-1, keepdims=True), decides, layout.role >= 0)
    matured = np.where(counted, total, np.inf).min(axis=-1, initial=np.inf)
    matured = np.where(np.isfinite(matured), matured, 0.0)
    whole = (units["view"] == CLOSED) & (units["dimension"] == ALL)
    whole &= ~units["is_uncapped"]
    table = units.loc[whole, ["experiment_name", "day_number", "day_date"]]
    table = table.assign(matured_units=matured[whole.to_numpy()])
    table = table.merge(_plans(frames), on="experiment_name")
    table = table.sort_values(["experiment_name", "day_number"], ignore_index=True)
    table["information"] = _information(table)
    fresh = table["information"].gt(0) & table["information"].notna()
    table["look_number"] = fresh.groupby(table["experiment_name"]).cumsum()
    return table


def _plans(frames: ExperimentFrames) -> pd.DataFrame:
    longest = frames.metrics.groupby("experiment_name")["window_days"].max()
    plans = frames.definitions[
        ["experiment_name", "planned_units", "planned_days", "start_date", "end_date"]
    ]
    window = plans["experiment_name"].map(longest).fillna(0.0)
    return plans.assign(longest_window_days=np.ceil(window.astype("float64")))


def _information(table: pd.DataFrame) -> pd.Series:
    share = (table["matured_units"] / table["planned_units"]).clip(upper=1.0)
    ran = (table["end_date"] - table["start_date"]).dt.days
    closes = table["end_date"] + pd.to_timedelta(table["longest_window_days"], unit="D")
    is_over = (ran >= table["planned_days"]) & (table["day_date"] >= closes)
    is_over &= (table["matured_units"] > 0) & table["planned_units"].notna()
    share = share.mask(is_over, 1.0)
    return share.groupby(table["experiment_name"]).cummax()


def _schedules(looks: pd.DataFrame, row: npt.NDArray[np.int64]) -> FloatArray:
    """Information of the looks up to each row's own, the days without any left out."""
    width = max(1, int(looks["look_number"].max()) if len(looks) else 1)
    information = np.full((len(row), width), np.nan)
    values = looks["information"].to_numpy()
    starts = looks.groupby("experiment_name").cumcount().to_numpy()
    for place, own in enumerate(row):
        if own >= 0:
            seen = values[own - starts[own] : own + 1]
            seen = seen[seen > 0]
            information[place, : len(seen)] = seen
    return information


def _judged_at(
    looks: pd.DataFrame, layout: Layout, row: npt.NDArray[np.int64]
) -> Places:
    """The group itself, or the same slice at the look that completed the plan."""
    units = layout.units.assign(unit=np.arange(len(layout.units)))
    complete = looks[looks["information"] >= 1]
    first = complete.groupby("experiment_name")["day_number"].min()
    last = units["experiment_name"].map(first).to_numpy(dtype=np.float64)
    late = (row >= 0) & (units["day_number"].to_numpy() > last)
    slice_of = ["experiment_name", "dimension", "dimension_value", "is_uncapped"]
    final = units[(row >= 0) & (units["day_number"].to_numpy() == last)]
    found = units.merge(
        final[[*slice_of, "unit"]], on=slice_of, how="left", suffixes=("", "_final")
    )["unit_final"].to_numpy()
    usable = late & np.isfinite(found)
    own = np.arange(len(units))
    return np.where(usable, np.nan_to_num(found), own).astype(np.int64)
