"""Pairs of experiments that share units: does one change what the other one does?

Here belong the rows of ``analysis.experiment_interactions``, made of the cells of units
by both variants. A pair stands twice, once with the metrics of either experiment.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from dagster_project.analysis.experiment_results.frames import ExperimentFrames
from dagster_project.analysis.experiment_results.positions import Arms
from dagster_project.analysis.experiments.arrays import FloatArray
from dagster_project.analysis.experiments.inference import Estimate, welch_test
from dagster_project.analysis.experiments.interactions import (
    Interaction,
    interactions,
)
from dagster_project.analysis.experiments.multiplicity import benjamini_hochberg
from dagster_project.analysis.experiments.reasons import reason_names
from dagster_project.analysis.experiments.sums import Sums, moments_of, sums_of

PAIR: Final = [
    *("experiment_name", "other_experiment_name", "metric_name", "is_capped"),
]
_TOLD: Final = ["day_date", "metric_kind", "data_complete_through"]
_SUMS: Final = ("y", "d", "yy", "yd", "dd")


def interaction_rows(frames: ExperimentFrames, arms: Arms) -> pd.DataFrame:
    """One row per pair of experiments, metric of the first one and pair of treatments.

    ``interaction`` is what the other treatment adds to the effect of the treatment, in
    the metric's unit; p-values are adjusted (Benjamini-Hochberg) over all rows, those
    of a capped metric's uncapped version apart. Empty without cells.
    """
    cells = _placed(frames.overlaps, arms)
    if cells.empty:
        return pd.DataFrame()
    pairs = cells.groupby(PAIR, sort=True)[_TOLD].first().reset_index()
    width = arms.table.groupby("experiment_name").size()
    pairs["arms"] = pairs["experiment_name"].map(width)
    pairs["other_arms"] = pairs["other_experiment_name"].map(width)
    declared = frames.definitions.set_index("experiment_name")
    pairs["confidence"] = pairs["experiment_name"].map(declared["confidence"])
    for prefix in ("", "other_"):
        names = pairs[f"{prefix}experiment_name"]
        pairs[f"{prefix}config_hash"] = names.map(declared["config_hash"])
    # Pairs with as many arms stand in one block, so that none is padded out.
    parts = [
        _rows_of_block(block.reset_index(drop=True), cells, arms)
        for _, block in pairs.groupby(["arms", "other_arms"])
    ]
    return _adjusted(pd.concat(parts, ignore_index=True))


def _placed(cells: pd.DataFrame, arms: Arms) -> pd.DataFrame:
    """Cells of declared variants, with both arms as positions."""
    own = arms.table[["experiment_name", "variant", "arm"]]
    other = own.rename(columns=lambda name: f"other_{name}")
    return cells.merge(own, how="inner").merge(other, how="inner")


def _rows_of_block(
    pairs: pd.DataFrame, cells: pd.DataFrame, arms: Arms
) -> pd.DataFrame:
    found = interactions(
        moments_of(_sums(pairs, cells)),
        is_ratio=(pairs["metric_kind"] == "ratio").to_numpy(),
    )
    alpha = np.round(1 - pairs["confidence"].to_numpy(dtype=np.float64), 12)
    tested = welch_test(found.contrast, alpha=alpha[:, np.newaxis, np.newaxis])
    pair, arm, other_arm = (
        place.reshape(-1) for place in np.indices(tested.estimate.shape)
    )
    named = pairs.iloc[pair].drop(columns=["arms", "other_arms"])
    named = named.reset_index(drop=True).assign(
        treatment=_variants(arms, named["experiment_name"], arm + 1),
        other_treatment=_variants(arms, named["other_experiment_name"], other_arm + 1),
        joint_p_value=found.joint_p[pair],
    )
    return pd.concat([named, _figures(found, tested)], axis=1)


def _variants(arms: Arms, experiments: pd.Series, arm: np.ndarray) -> np.ndarray:
    names = arms.table.set_index(["experiment_name", "arm"])["variant"]
    keys = pd.MultiIndex.from_arrays([experiments, arm])
    return np.asarray(names.reindex(keys).to_numpy())


def _figures(found: Interaction, tested: Estimate) -> pd.DataFrame:
    alone = found.contrast.baseline
    columns = {
        "unit_count": found.contrast.units,
        "effect_alone": alone,
        "effect_together": alone + tested.estimate,
        "interaction": tested.estimate,
        "std_error": tested.std_error,
        "interaction_lower": tested.lower,
        "interaction_upper": tested.upper,
        "statistic": tested.statistic,
        "p_value": tested.p_value,
        "log_p": tested.log_p,
        "is_significant": tested.is_significant,
        "reason": reason_names(tested.reason),
    }
    return pd.DataFrame({name: table.reshape(-1) for name, table in columns.items()})


def _sums(pairs: pd.DataFrame, cells: pd.DataFrame) -> Sums:
    """Sums (pairs, arms, other arms); a cell without units is all zero."""
    shape = (len(pairs), int(pairs["arms"].iloc[0]), int(pairs["other_arms"].iloc[0]))
    rows = cells.merge(pairs[PAIR].assign(pair=pairs.index), on=PAIR)
    place = tuple(rows[name].to_numpy() for name in ("pair", "arm", "other_arm"))

    def column(name: str) -> FloatArray:
        table = np.zeros(shape)
        table[place] = rows[name].to_numpy(dtype=np.float64)
        return table

    shift = np.zeros((*shape, 4))
    shift[..., 0], shift[..., 1] = column("shift_y"), column("shift_d")
    return sums_of(
        column("unit_count"), shift=shift, **{name: column(name) for name in _SUMS}
    )


def _adjusted(rows: pd.DataFrame) -> pd.DataFrame:
    has_caps = rows.groupby(["experiment_name", "metric_name"])["is_capped"]
    is_twin = (has_caps.transform("any") & ~rows["is_capped"]).to_numpy(dtype=np.bool_)
    adjusted = np.full(len(rows), np.nan)
    for family in (is_twin, ~is_twin):
        p = rows["p_value"].to_numpy(dtype=np.float64)[family]
        adjusted[family] = benjamini_hochberg(p).p_value
    level = np.round(1 - rows["confidence"].to_numpy(dtype=np.float64), 12)
    return rows.assign(adjusted_p_value=adjusted, is_discovery=adjusted < level)
