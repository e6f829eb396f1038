"""What past experiments of a metric teach about the next one.

Here belongs which experiments may teach which look. The prior itself is in
``experiments.bayes``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.analysis.experiment_results.frames import ALL, CLOSED
from dagster_project.analysis.experiment_results.positions import Layout
from dagster_project.analysis.experiment_results.schedule import Schedule
from dagster_project.analysis.experiments.bayes import Prior, learned_prior
from dagster_project.analysis.experiments.contrasts import Contrast

# Two past effects give a spread of one degree of freedom: too little to shrink by.
LEAST_EXPERIMENTS = 3


def final_groups(layout: Layout, schedule: Schedule) -> npt.NDArray[np.intp]:
    """The group of each finished experiment at the look that completed its plan."""
    table = schedule.table[schedule.table["information"] >= 1]
    final = table.groupby("experiment_name", as_index=False).first()
    units = layout.units.assign(unit=np.arange(len(layout.units)))
    whole = (units["view"] == CLOSED) & (units["dimension"] == ALL)
    whole &= ~units["is_uncapped"]
    found = units[whole].merge(final[["experiment_name", "day_number"]])
    return found["unit"].to_numpy(dtype=np.intp)


def past_effects(
    layout: Layout, rows: npt.NDArray[np.intp], lifts: Contrast
) -> pd.DataFrame:
    """One row per finished experiment, metric and treatment: its lift at the end.

    Columns: experiment_name, metric_name, known_on (day of the look that completed the
    plan), lift, variance. ``lifts`` (rows, m, a - 1) are relative.
    """
    group, metric, _ = np.indices(lifts.difference.shape).reshape(3, -1)
    ends = layout.units.iloc[rows]
    return pd.DataFrame(
        {
            "experiment_name": ends["experiment_name"].to_numpy()[group],
            "metric_name": layout.metric_names[rows[group], metric],
            "known_on": ends["day_date"].to_numpy()[group],
            "lift": lifts.difference.reshape(-1),
            "variance": lifts.variance.reshape(-1),
        }
    ).dropna()


def prior_of(layout: Layout, past: pd.DataFrame) -> Prior | None:
    """The prior of each group and metric (u, m, 1); None when nothing can be learned.

    Learned from other experiments that were complete before the group's day, so that a
    past day keeps its prior; NaN below ``LEAST_EXPERIMENTS`` effects.
    """
    if past["experiment_name"].nunique() < 2:
        return None
    shape = layout.metric_names.shape
    columns = np.full((4, *shape), np.nan)
    names = layout.units["experiment_name"].to_numpy()
    days = layout.units["day_date"].to_numpy()
    for metric, rows in past.groupby("metric_name"):
        at = np.argwhere(layout.metric_names == metric).T
        group = at[0]
        known = rows["known_on"].to_numpy()[np.newaxis] < days[group][:, np.newaxis]
        other = rows["experiment_name"].to_numpy()[np.newaxis] != names[group][:, None]
        lift = np.broadcast_to(rows["lift"].to_numpy(), known.shape)
        prior = learned_prior(lift, rows["variance"].to_numpy(), used=known & other)
        enough = np.where(prior.experiments >= LEAST_EXPERIMENTS, 1.0, np.nan)
        columns[:, at[0], at[1]] = enough * np.stack(
            [prior.mean, prior.variance, prior.mean_error, prior.experiments]
        )
    return Prior(*(column[..., np.newaxis] for column in columns))
