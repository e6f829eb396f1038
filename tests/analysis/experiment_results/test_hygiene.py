"""Checks of traffic: each alarms on its own trouble and on no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dagster_project.analysis.experiment_results.frames import ExperimentFrames
from dagster_project.analysis.experiment_results.results import (
    ExperimentResults,
    results_of,
)
from tests.analysis.experiment_results.experiments_of_test import (
    Declared,
    frames_of,
    units_of,
)

SOUND = Declared(lift=0.3, units=4_000, planned_units=4_000)


def failing(results: ExperimentResults) -> set[str]:
    rows = results.quality
    return set(rows.loc[~rows["is_passed"], "check_name"])


def last_verdict(results: ExperimentResults) -> pd.Series:
    return results.decisions.sort_values("day_number").iloc[-1]


def with_units(units: pd.DataFrame, of: Declared = SOUND) -> ExperimentFrames:
    return frames_of(of, units={of.name: units})


def test_a_sound_experiment_passes_everything() -> None:
    results = results_of(frames_of(SOUND))
    assert failing(results) == set()
    assert last_verdict(results)["verdict"] == "ship"


def test_lost_units_are_a_mismatch_and_nothing_is_decided() -> None:
    units = units_of(SOUND)
    rng = np.random.default_rng(0)
    kept = units[(units["arm"] == 0) | (rng.random(len(units)) > 0.3)]
    results = results_of(with_units(kept))
    assert {"sample_ratio", "sample_ratio_sequential"} <= failing(results)
    last = last_verdict(results)
    assert last["verdict"] == "invalid"
    assert "units do not arrive in the declared shares" in last["sentence"]
    ever = results.quality[results.quality["check_name"] == "sample_ratio_sequential"]
    ever = ever[ever["dimension"] == "all"].sort_values("day_date")
    # Once raised, the sequential alarm stays.
    assert ever["value"].is_monotonic_decreasing


def test_a_mismatch_in_one_slice_warns_and_does_not_invalidate() -> None:
    units = units_of(SOUND)
    swapped = units.copy()
    web = units["platform"] == "web"
    rng = np.random.default_rng(0)
    flip = web & (units["arm"] == 1) & (rng.random(len(units)) < 0.3)
    back = ~web & (units["arm"] == 0) & (rng.random(len(units)) < 0.3)
    swapped.loc[flip, "arm"] = 0
    swapped.loc[back, "arm"] = 1
    results = results_of(with_units(swapped))
    bad = results.quality[~results.quality["is_passed"]]
    assert set(bad["dimension"]) == {"platform"}
    assert set(bad["severity"]) == {"warning"}
    assert last_verdict(results)["verdict"] != "invalid"


def test_units_in_several_variants_alarm_above_the_limit() -> None:
    frames = frames_of(SOUND)
    for share, verdict in ((0.005, "ship"), (0.02, "invalid")):
        several = (frames.traffic["unit_count"] * share).round()
        changed = replace(
            frames, traffic=frames.traffic.assign(several_variants_count=several)
        )
        results = results_of(changed)
        assert last_verdict(results)["verdict"] == verdict
    rows = results.quality[results.quality["check_name"] == "several_variants"]
    assert rows["value"].iloc[-1] == pytest.approx(0.02, abs=0.002)
    assert set(rows["limit_value"]) == {0.01}


def test_unknown_variants_are_counted_and_warn() -> None:
    frames = frames_of(SOUND)
    stranger = frames.traffic.iloc[:3].assign(
        variant="typo", is_declared=False, dimension="all", dimension_value="all"
    )
    results = results_of(replace(frames, traffic=pd.concat([frames.traffic, stranger])))
    rows = results.quality[results.quality["check_name"] == "unknown_variants"]
    assert rows.sort_values("day_date")["value"].iloc[-1] == (
        stranger["unit_count"].sum()
    )
    assert failing(results) == {"unknown_variants"}
    assert last_verdict(results)["verdict"] == "ship"


def assignments_of(source: str, right: int, wrong: int) -> pd.DataFrame:
    rows = [(SOUND.name, source, units, ok) for units, ok in ((right, 1), (wrong, 0))]
    columns = ["experiment_name", "assignment_source", "unit_count", "is_as_assigned"]
    return pd.DataFrame(rows, columns=columns).astype({"is_as_assigned": bool})


@pytest.mark.parametrize(("wrong", "is_passed"), [(10, True), (11, False)])
def test_units_that_saw_another_variant_than_assigned_warn(
    wrong: int, is_passed: bool
) -> None:
    frames = frames_of(SOUND)
    of_service = assignments_of("service", 1_000, 2)
    computed = assignments_of("daybreak", 1_000 - wrong, wrong)
    results = results_of(replace(frames, assignments=pd.concat([computed, of_service])))
    quality = results.quality
    [row] = quality[quality["check_name"] == "exposed_as_assigned"].to_dict("records")
    assert row["day_date"] == quality["day_date"].max()
    assert (row["value"], row["unit_count"]) == (wrong / 1_000, 1_000)
    assert (row["limit_value"], row["is_passed"]) == (0.01, is_passed)
    assert row["severity"] == "warning"
    assert last_verdict(results)["verdict"] == "ship"


def test_nothing_known_of_assignments_is_no_check() -> None:
    quality = results_of(frames_of(SOUND)).quality
    assert "exposed_as_assigned" not in set(quality["check_name"])


def test_traffic_in_an_arm_of_no_share_invalidates() -> None:
    of = Declared(
        "closed_arm", ("control", "a", "b"), (0.5, 0.5, 0.0), units=2_000, lift=0.3
    )
    units = units_of(of)
    assert "traffic_in_zero_arm" not in failing(results_of(with_units(units, of)))
    units.loc[units.index[50], "arm"] = 2
    results = results_of(with_units(units, of))
    rows = results.quality[~results.quality["is_passed"]]
    assert set(rows["check_name"]) == {"traffic_in_zero_arm"}
    assert set(rows["variant"]) == {"b"}
    assert set(rows["value"]) == {1.0}
    assert last_verdict(results)["verdict"] == "invalid"


def test_arms_that_differed_before_exposure_warn() -> None:
    units = units_of(SOUND)
    units.loc[units["arm"] == 1, "past"] *= 1.2
    results = results_of(with_units(units))
    rows = results.quality[~results.quality["is_passed"]]
    assert set(rows["check_name"]) == {"pre_period_balance"}
    assert set(rows["metric_name"]) == {"spend"}
