"""Every look: what it says alone, what later days change, and the words for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from dagster_project.analysis.experiment_results.frames import ExperimentFrames
from dagster_project.analysis.experiment_results.results import (
    ExperimentResults,
    results_of,
)
from dagster_project.analysis.experiments.battery import analysed
from dagster_project.analysis.experiments.group_sequential import (
    boundaries,
    obrien_fleming_spending,
)
from dagster_project.analysis.experiments.study import MetricKind, Study
from dagster_project.analysis.experiments.sums import sums_of_units
from tests.analysis.experiment_results.experiments_of_test import (
    START,
    Declared,
    frames_of,
    units_of,
)

KEY = [
    *("experiment_name", "metric_name", "treatment", "view", "dimension"),
    *("dimension_value", "day_number", "is_capped"),
]
SOUND = Declared(lift=0.4, caps=60.0, is_whole=True)
THREE = Declared(
    "three", ("control", "a", "b"), (0.4, 0.3, 0.3), lift=0.2, units=900, seed=3
)


@pytest.fixture(scope="module")
def frames() -> ExperimentFrames:
    return frames_of(SOUND, THREE)


@pytest.fixture(scope="module")
def results(frames: ExperimentFrames) -> ExperimentResults:
    return results_of(frames)


def whole(results: ExperimentResults, view: str = "closed") -> pd.DataFrame:
    rows = results.comparisons
    return rows[(rows["view"] == view) & (rows["dimension"] == "all")]


def test_one_row_per_key(results: ExperimentResults) -> None:
    assert not results.comparisons.duplicated(KEY).any()
    assert not results.decisions.duplicated(
        ["experiment_name", "treatment", "day_number"]
    ).any()
    quality = ["experiment_name", "check_name", "day_date", "dimension"]
    quality += ["dimension_value", "variant", "metric_name"]
    assert not results.quality.duplicated(quality).any()


def test_a_past_day_stays_what_it_was_to_the_last_bit(
    frames: ExperimentFrames, results: ExperimentResults
) -> None:
    for last in (8,):
        day = pd.Timestamp(START + timedelta(days=last))
        earlier = results_of(
            replace(
                frames,
                sums=frames.sums[frames.sums["day_date"] <= day],
                traffic=frames.traffic[frames.traffic["exposure_date"] <= day],
            )
        )
        for name in ("comparisons", "decisions", "quality"):
            now, then = getattr(results, name), getattr(earlier, name)
            keys = [key for key in KEY if key in then] + [
                key for key in ("check_name", "variant") if key in then
            ]
            now = now[now["day_date"] <= day].sort_values([*keys, "day_date"])
            then = then.sort_values([*keys, "day_date"])
            pd.testing.assert_frame_equal(
                now.reset_index(drop=True),
                then.reset_index(drop=True),
                check_exact=True,
            )


def test_the_company_of_other_experiments_changes_nothing(
    results: ExperimentResults,
) -> None:
    alone = results_of(frames_of(SOUND)).comparisons.sort_values(KEY)
    both = results.comparisons
    ours = both[both["experiment_name"] == SOUND.name].sort_values(KEY)
    pd.testing.assert_frame_equal(
        ours.reset_index(drop=True), alone.reset_index(drop=True), check_exact=True
    )


def test_a_look_is_the_battery_of_its_matured_units(
    results: ExperimentResults,
) -> None:
    day, units = 12, units_of(SOUND)
    matured = units[units["day"] + SOUND.window <= day]
    values = [
        np.array([[v, 0, 0, 0] for v in arm["converted"]], dtype=float)
        for _, arm in matured.groupby("arm")
    ]
    sums = [sums_of_units(arm, shift=np.zeros(4)) for arm in values]
    looks = [
        (units["day"] + SOUND.window <= d).sum() / SOUND.planned_units
        for d in range(day + 1)
    ]
    one = {name: np.ones((1, 1)) for name in ("direction", "margin")}
    study = Study(
        sums=type(sums[0])(
            *(
                np.stack([getattr(s, name) for s in sums])[None, None]
                for name in ("count", "first", "second", "shift")
            )
        ),
        kind=np.array([[MetricKind.PROPORTION]], dtype=np.int8),
        role=np.zeros((1, 1), dtype=np.int8),
        mde=np.full((1, 1), 0.1),
        units=np.array([[len(arm) for arm in values]], dtype=float),
        weights=np.array([[0.5, 0.5]]),
        information=np.array([[look for look in looks if look > 0]]),
        planned_units=np.array([SOUND.planned_units]),
        quality_passed=np.array([True]),
        **one,
    )
    alone = analysed(study)
    rows = whole(results)
    row = rows[
        (rows["experiment_name"] == SOUND.name)
        & (rows["metric_name"] == "converted")
        & (rows["day_number"] == day)
    ].iloc[0]
    expected = {
        "p_value": alone.fixed.absolute.p_value,
        "lift": alone.fixed.relative.estimate,
        "sequential_lift_lower": alone.sequential.relative.lower,
        "sequential_lift_upper": alone.sequential.relative.upper,
        "always_valid_lower": alone.always_valid.absolute.lower,
        "missing_units": alone.missing_units,
        "information": np.array(looks[-1:]),
    }
    for name, value in expected.items():
        assert row[name] == pytest.approx(value.item(), rel=1e-12), name
    assert row["control_units"] == len(values[0])


def test_each_look_spends_what_its_information_allows(
    results: ExperimentResults,
) -> None:
    rows = whole(results)
    rows = rows[
        (rows["experiment_name"] == SOUND.name) & (rows["metric_name"] == "spend")
    ]
    rows = rows[rows["is_capped"]].sort_values("day_number")
    judged = rows[rows["information"] > 0]
    looks = judged["information"].to_numpy()
    spent = obrien_fleming_spending(looks, alpha=0.025)
    critical = boundaries(looks, spent).critical
    reach = (judged["sequential_upper"] - judged["sequential_lower"]) / 2
    wide = reach / judged["std_error"]
    # Late looks have enough units for t to be near z.
    np.testing.assert_allclose(wide.to_numpy()[-3:], critical[-3:], rtol=0.01)


def test_after_the_plan_the_sequential_test_stands_and_the_others_go_on() -> None:
    long = Declared(lift=0.3, units=1_600, days=18, planned_units=900)
    results = results_of(frames_of(long, last=20))
    rows = whole(results)
    rows = rows[rows["metric_name"] == "spend"].set_index("day_number").sort_index()
    done = rows.index[rows["information"] >= 1][0]
    later = rows.loc[done:]
    assert len(later) > 3
    assert later["sequential_lower"].nunique() == 1
    assert later["always_valid_lower"].nunique() > 3
    assert later["p_value"].nunique() > 3
    verdicts = results.decisions[results.decisions["day_number"] >= done]
    assert set(verdicts["missing_units"]) == {0.0}
    assert verdicts["verdict"].nunique() == 1


def test_too_few_units_by_the_end_may_spend_everything_that_is_left() -> None:
    short = Declared(lift=0.4, units=700, planned_units=5_000, planned_days=14)
    ended = replace(short, end=START + timedelta(days=14), status="completed")
    stopped = replace(short, end=START + timedelta(days=9), status="completed")
    info = {
        name: results_of(frames_of(of, last=18)).decisions.set_index("day_number")
        for name, of in (("ended", ended), ("stopped", stopped), ("running", short))
    }
    # The last window closes three days after the last exposure.
    assert info["ended"].loc[16, "information"] < 0.2
    assert info["ended"].loc[17, "information"] == 1.0
    assert info["ended"].loc[17, "verdict"] == "ship"
    # Stopped early, or running on: the plan was not seen through.
    assert info["stopped"]["information"].max() < 0.2
    assert info["running"].loc[18, "verdict"] == "keep_running"


def test_other_views_are_not_judged_sequentially(results: ExperimentResults) -> None:
    for view in ("cumulative", "calendar_day", "day_since_exposure"):
        rows = whole(results, view)
        assert len(rows)
        assert rows["sequential_lower"].isna().all()
        assert not rows["is_superior"].any()
        assert rows["p_value"].notna().any()


def test_uncapped_figures_stand_beside_and_decide_nothing(
    results: ExperimentResults,
) -> None:
    rows = whole(results)
    rows = rows[rows["experiment_name"] == SOUND.name]
    spend = rows[(rows["metric_name"] == "spend") & (rows["day_number"] == 16)]
    assert sorted(spend["is_capped"]) == [False, True]
    plain = results_of(frames_of(replace(SOUND, caps=None, is_whole=False)))
    other = whole(plain)
    other = other[(other["metric_name"] == "spend") & (other["day_number"] == 16)]
    uncapped = spend[~spend["is_capped"]].iloc[0]
    assert uncapped["p_value"] == pytest.approx(other.iloc[0]["p_value"], rel=1e-12)
    assert uncapped["p_value"] != spend[spend["is_capped"]].iloc[0]["p_value"]


def test_slices_are_corrected_together_and_compared(
    results: ExperimentResults,
) -> None:
    rows = results.comparisons
    rows = rows[
        (rows["experiment_name"] == SOUND.name)
        & (rows["view"] == "closed")
        & (rows["day_number"] == 16)
        & (rows["dimension"] == "platform")
        & ~rows["metric_name"].eq("spend")
    ]
    assert len(rows) == 4
    # Spend has a row with caps in this family and one without in the other.
    assert (rows["slice_p_value"] >= rows["p_value"] - 1e-15).all()
    one = rows[rows["metric_name"] == "converted"]
    weight = 1 / one["std_error"] ** 2
    mean = (weight * one["effect"]).sum() / weight.sum()
    q = (weight * (one["effect"] - mean) ** 2).sum()
    assert one["heterogeneity_q"].nunique() == 1
    # Proportions' own errors are the unpooled ones, as the contrast's.
    assert one["heterogeneity_q"].iloc[0] == pytest.approx(q, rel=1e-6)
    assert rows["heterogeneity_p_value"].between(0, 1).all()


def test_the_slope_of_calendar_days_needs_three_of_them(
    results: ExperimentResults,
) -> None:
    rows = whole(results, "calendar_day")
    rows = rows[
        (rows["experiment_name"] == SOUND.name) & (rows["metric_name"] == "converted")
    ].set_index("day_number")
    slopes = rows["effect_slope_per_day"]
    assert slopes.loc[:1].isna().all()
    assert slopes.loc[5:].notna().all()
    seen = rows.loc[:10]
    line = np.polyfit(seen.index, seen["effect"], 1, w=1 / seen["std_error"].to_numpy())
    assert slopes.loc[10] == pytest.approx(line[0], rel=1e-9)


def test_several_treatments_share_the_error(results: ExperimentResults) -> None:
    rows = whole(results)
    three = rows[rows["experiment_name"] == "three"]
    assert set(three["treatment"]) == {"a", "b"}
    decisions = results.decisions
    assert set(decisions.loc[decisions["experiment_name"] == "three", "treatment"]) == {
        *("a", "b"),
    }


def test_the_past_teaches_only_those_that_come_after() -> None:
    past = [
        Declared(
            f"old_{i}", lift=0.1 * i, seed=20 + i, days=6, units=400, planned_units=300
        )
        for i in range(4)
    ]
    new = Declared("new", lift=0.3, seed=40)
    frames = frames_of(*past, new)
    shift = pd.Timedelta(days=60)
    late = frames.sums["experiment_name"] == "new"
    frames.sums.loc[late, "day_date"] += shift
    came = frames.traffic["experiment_name"] == "new"
    frames.traffic.loc[came, "exposure_date"] += shift
    of_new = frames.definitions["experiment_name"] == "new"
    frames.definitions.loc[of_new, "start_date"] += shift
    rows = whole(results_of(frames))
    rows = rows[rows["metric_name"] == "spend"]
    ours = rows[(rows["experiment_name"] == "new") & (rows["day_number"] == 8)].iloc[0]
    assert abs(ours["shrunk_lift"] - 0.15) < abs(ours["lift"] - 0.15)
    old = rows[(rows["experiment_name"] != "new") & (rows["day_number"] <= 6)]
    assert len(old)
    assert old["shrunk_lift"].isna().all()


def test_nothing_declared_gives_nothing() -> None:
    nothing = ExperimentFrames(*(pd.DataFrame() for _ in range(5)))
    found = results_of(nothing)
    assert found.comparisons.empty
    assert found.decisions.empty
    assert found.quality.empty


def test_declared_and_not_yet_started_gives_nothing_yet() -> None:
    frames = frames_of(SOUND)
    found = results_of(
        replace(frames, sums=frames.sums.iloc[:0], traffic=frames.traffic.iloc[:0])
    )
    assert found.comparisons.empty
    assert found.quality.empty


def test_two_controls_are_refused() -> None:
    frames = frames_of(SOUND)
    frames.variants["is_control"] = True
    with pytest.raises(ValueError, match=r"exactly one control each: \['button'\]"):
        results_of(frames)
