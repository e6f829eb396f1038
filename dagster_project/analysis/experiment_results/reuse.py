"""Which looks have to be judged again: those whose inputs are not what they were.

Here belong a hash of everything that a look is made of, and the first day on which it
differs from an earlier night's. A look depends on its own day and on those before it,
never on later ones, so every day before that first one keeps its rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from dagster_project.analysis.experiment_results.frames import (
    ALL,
    CLOSED,
    ExperimentFrames,
)

# Raise it when the same sums begin to give other rows.
MEANING_VERSION: Final = 2
_DAY: Final = ["experiment_name", "day_date"]


def look_hashes(frames: ExperimentFrames) -> pd.DataFrame:
    """Hash of all that each day's rows are made of, up to and including the day.

    Columns: experiment_name, day_number, inputs_hash. Beside the sums and the traffic
    so far it covers the declaration, and what finished experiments teach.
    """
    sums = frames.sums[frames.sums["day_date"].notna()]
    traffic = frames.traffic.rename(columns={"exposure_date": "day_date"})
    found = pd.concat([_by_day(sums), _by_day(traffic)])
    a_day = found.groupby(_DAY)["hashed"].sum()
    so_far = a_day.groupby("experiment_name").cumsum().rename("hashed").reset_index()
    days = sums[[*_DAY, "day_number"]].drop_duplicates()
    looks = days.merge(so_far, on=_DAY)
    static = _static(frames)
    looks["inputs_hash"] = [
        f"{static.get(str(name), '')}{int(value):016x}"
        for name, value in zip(looks["experiment_name"], looks["hashed"], strict=True)
    ]
    return looks[["experiment_name", "day_number", "inputs_hash"]]


def _by_day(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum of the rows' hashes by experiment and day, whatever their order."""
    hashed = pd.util.hash_pandas_object(rows, index=False).to_numpy(dtype=np.uint64)
    summed = rows[_DAY].assign(hashed=hashed).groupby(_DAY)["hashed"].sum()
    return summed.reset_index()


def _static(frames: ExperimentFrames) -> dict[str, str]:
    """Hash of each experiment's declaration, and of what finished ones may teach."""
    ended = frames.definitions.loc[
        frames.definitions["end_date"].notna(), "experiment_name"
    ]
    sums = frames.sums
    taught = sums[sums["experiment_name"].isin(ended)]
    taught = taught[(taught["view"] == CLOSED) & (taught["dimension"] == ALL)]
    lesson = pd.util.hash_pandas_object(taught, index=False).sum()
    found = {}
    for name in frames.definitions["experiment_name"]:
        parts = [
            frame[frame["experiment_name"] == name].to_csv(index=False)
            for frame in (frames.definitions, frames.variants, frames.metrics)
        ]
        text = "\n".join([*parts, str(lesson), str(MEANING_VERSION)])
        found[str(name)] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return found


def first_changed_days(
    looks: pd.DataFrame, earlier: Mapping[tuple[str, int], str]
) -> dict[str, int]:
    """The first day number of each experiment that has to be judged.

    ``looks`` as from ``look_hashes``; ``earlier`` the hashes that the rows at hand were
    made with, by experiment and day number. Where nothing differs: the day after the
    last.
    """
    same = [
        earlier.get((str(name), int(day))) == hashed
        for name, day, hashed in looks.itertuples(index=False)
    ]
    number = looks["day_number"].astype("int64")
    first = number.where(~np.array(same, dtype=np.bool_)).groupby(
        looks["experiment_name"]
    )
    after = number.groupby(looks["experiment_name"]).max() + 1
    changed = first.min().fillna(after)
    return {str(name): int(day) for name, day in changed.items()}
