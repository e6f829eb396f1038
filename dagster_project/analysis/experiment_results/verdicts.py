"""Decisions with names: one row per experiment, treatment and day.

Here belong the columns of ``analysis.experiment_decisions``: the verdict, what it rests
on and what is missing. The rule is in ``experiments.decisions``.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any, Final

import numpy as np
import pandas as pd

from dagster_project.analysis.experiment_results.frames import (
    ALL,
    CLOSED,
    ExperimentFrames,
)
from dagster_project.analysis.experiment_results.hygiene import ERROR
from dagster_project.analysis.experiment_results.positions import Arms, Layout
from dagster_project.analysis.experiment_results.schedule import Schedule
from dagster_project.analysis.experiment_results.words import Case, Told, sentence_of
from dagster_project.analysis.experiments.battery import Battery
from dagster_project.analysis.experiments.power import remaining_days
from dagster_project.analysis.experiments.results import decision_frame

# Units of so many looks, the present one included, give the pace of the next.
PACE_DAYS = 7
CHECKS_IN_WORDS: Final = {
    "sample_ratio": "units do not arrive in the declared shares",
    "sample_ratio_sequential": "units have not arrived in the declared shares",
    "several_variants": "too many units saw several variants",
    "traffic_in_zero_arm": "units arrived in an arm without traffic",
}
_TOLD_COLUMNS: Final = (
    *("experiment_name", "day_number", "treatment", "metric_name", "role"),
    *("is_superior", "is_non_inferior", "is_deteriorated"),
    *("sequential_lift", "sequential_lift_lower", "sequential_lift_upper"),
)
_LOOK: Final = ["experiment_name", "day_number"]


def named_decisions(
    frames: ExperimentFrames,
    arms: Arms,
    layout: Layout,
    schedule: Schedule,
    battery: Battery,
    comparisons: pd.DataFrame,
    quality: pd.DataFrame,
) -> pd.DataFrame:
    """Name the decisions of the closed view over all units, and put them in words.

    ``missing_units`` of the plan, all arms; ``missing_days`` at the pace of the last
    week; ``power_missing_units`` those that the least certain success metric needs to
    find its planned effect at the planned power. Days are null when nobody comes.
    """
    rows = _rows(arms, layout, battery)
    rows = rows.merge(
        _plan(schedule), on=_LOOK, how="left", validate="many_to_one"
    ).merge(_power(comparisons, arms), on=[*_LOOK, "treatment"], how="left")
    rows["power_missing_days"] = remaining_days(
        rows["power_missing_units"], rows["units_per_day"]
    )
    hashes = frames.definitions.set_index("experiment_name")["config_hash"]
    rows["config_hash"] = rows["experiment_name"].map(hashes)
    rows["sentence"] = _sentences(frames, rows, comparisons, quality)
    return rows.drop(columns="units_per_day").reset_index(drop=True)


def _rows(arms: Arms, layout: Layout, battery: Battery) -> pd.DataFrame:
    rows = decision_frame(battery).drop(
        columns=[
            *("sample_ratio_p_value", "has_sample_ratio_mismatch"),
            "missing_information",
        ]
    )
    units = layout.units
    whole = (units["view"] == CLOSED) & (units["dimension"] == ALL)
    whole &= ~units["is_uncapped"]
    rows = rows[whole.to_numpy()[rows["experiment"]]]
    named = units.iloc[rows["experiment"]][
        [*_LOOK, "day_date", "data_complete_through"]
    ].set_index(rows.index)
    variants = arms.table.set_index(["experiment_name", "arm"])["variant"]
    keys = pd.MultiIndex.from_arrays([named["experiment_name"], rows["treatment"] + 1])
    names = variants.reindex(keys).to_numpy()
    rows = pd.concat([named, rows.drop(columns=["experiment", "treatment"])], axis=1)
    rows.insert(1, "treatment", names)
    return rows[rows["treatment"].notna()]


def _plan(schedule: Schedule) -> pd.DataFrame:
    table = schedule.table
    by = table.groupby("experiment_name")
    earlier = by["matured_units"].shift(PACE_DAYS).fillna(0.0)
    # Nothing matures before the first window has closed: those days tell no pace.
    days = table["look_number"].clip(lower=1, upper=PACE_DAYS)
    pace = (table["matured_units"] - earlier) / days
    missing = ((1 - table["information"]) * table["planned_units"]).clip(lower=0.0)
    return table[_LOOK].assign(
        matured_units=table["matured_units"],
        information=table["information"],
        looks=table["look_number"],
        units_per_day=pace,
        missing_units=np.ceil(missing),
        missing_days=remaining_days(missing, pace),
    )


def _power(comparisons: pd.DataFrame, arms: Arms) -> pd.DataFrame:
    """Units of all arms that the worst success metric still needs."""
    rows = _decisive(comparisons)
    rows = rows[rows["role"] == "success"]
    weights = arms.table.assign(
        control=arms.table.groupby("experiment_name")["allocation"].transform("first")
    )
    share = weights.set_index(["experiment_name", "variant"])
    keys = pd.MultiIndex.from_frame(rows[["experiment_name", "treatment"]])
    pair = share["allocation"].reindex(keys) + share["control"].reindex(keys)
    needed = rows["missing_units"].to_numpy() / pair.to_numpy()
    rows = rows.assign(
        power_missing_units=np.ceil(np.where(needed < 1e15, needed, np.nan))
    )
    worst = rows.groupby([*_LOOK, "treatment"])["power_missing_units"].max()
    return worst.reset_index()


def _decisive(comparisons: pd.DataFrame) -> pd.DataFrame:
    rows = comparisons
    whole = (rows["view"] == CLOSED) & (rows["dimension"] == ALL)
    capped = ["experiment_name", "metric_name"]
    has_caps = rows.groupby(capped)["is_capped"].transform("any")
    return rows[whole & (rows["is_capped"] | ~has_caps)]


def _sentences(
    frames: ExperimentFrames,
    rows: pd.DataFrame,
    comparisons: pd.DataFrame,
    quality: pd.DataFrame,
) -> list[str]:
    labels = frames.metrics.set_index(["experiment_name", "metric_name"])["label"]
    keyed: dict[tuple[Any, ...], list[dict[Hashable, Any]]] = {}
    for metric in _decisive(comparisons)[list(_TOLD_COLUMNS)].to_dict("records"):
        key = tuple(metric[name] for name in (*_LOOK, "treatment"))
        keyed.setdefault(key, []).append(metric)
    grave = quality[(quality["severity"] == ERROR) & ~quality["is_passed"]]
    failed = {
        key: list(dict.fromkeys(group["check_name"]))
        for key, group in grave.groupby(["experiment_name", "day_date"])
    }
    return [
        sentence_of(
            _case(
                row,
                keyed.get(
                    (row["experiment_name"], row["day_number"], row["treatment"]), []
                ),
                failed.get((row["experiment_name"], row["day_date"]), []),
                labels,
            )
        )
        for row in rows.to_dict("records")
    ]


def _case(
    row: dict[Hashable, Any],
    metrics: list[dict[Hashable, Any]],
    failed: list[str],
    labels: pd.Series,
) -> Case:
    def told(*conditions: tuple[str, bool], roles: tuple[str, ...]) -> list[Told]:
        return [
            _told(metric, labels)
            for metric in metrics
            if metric["role"] in roles
            and all(bool(metric[name]) is wanted for name, wanted in conditions)
        ]

    return Case(
        treatment=str(row["treatment"]),
        verdict=str(row["verdict"]),
        superior=told(("is_superior", True), roles=("success",)),
        pending=told(("is_superior", False), roles=("success",)),
        worse=told(
            ("is_deteriorated", True), roles=("success", "guardrail", "deterioration")
        ),
        uncleared=told(("is_non_inferior", False), roles=("guardrail",)),
        guardrails=sum(metric["role"] == "guardrail" for metric in metrics),
        failed_checks=[CHECKS_IN_WORDS[name] for name in failed],
        looks_left=_whole(row["missing_days"]),
        information=_known(row["information"]),
    )


def _told(metric: dict[Hashable, Any], labels: pd.Series) -> Told:
    label = labels.get((metric["experiment_name"], metric["metric_name"]))
    return Told(
        label=str(label or metric["metric_name"]),
        lift=_known(metric["sequential_lift"]),
        lower=_known(metric["sequential_lift_lower"]),
        upper=_known(metric["sequential_lift_upper"]),
    )


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _whole(value: float) -> int | None:
    return int(value) if math.isfinite(value) else None
