"""Cookie Cats, the Udacity free trial and the ASOS experiments, with known figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dagster_project.analysis.experiments import (
    bayes,
    confidence_sequences,
    contrasts,
    inference,
    lifts,
    sample_ratio,
    sums,
    tails,
    two_proportions,
)

KEY = ["experiment_id", "variant_id", "metric_id"]


@pytest.fixture(scope="module")
def cats(shared_dir: Path) -> pd.DataFrame:
    return pd.read_csv(shared_dir / "data" / "cookie_cats" / "cookie_cats.csv")


@pytest.fixture(scope="module")
def asos(shared_dir: Path) -> pd.DataFrame:
    folder = shared_dir / "data" / "asos"
    frame = pd.read_parquet(folder / "asos_digital_experiments_dataset.parquet")
    usable = (
        frame["count_c"].gt(1)
        & frame["count_t"].gt(1)
        & frame["variance_c"].gt(0)
        & frame["variance_t"].gt(0)
    )
    assert usable.sum() == 23_365
    return frame[usable].sort_values([*KEY, "time_since_start"], ignore_index=True)


def arm(frame: pd.DataFrame, side: str) -> sums.Moments:
    """Moments from published mean and variance, through shifted sums."""
    n, mean, variance = (
        frame[f"{name}_{side}"].to_numpy() for name in ("count", "mean", "variance")
    )
    shift = np.stack([mean, 0 * mean, 0 * mean, 0 * mean], axis=-1)
    return sums.moments_of(sums.sums_of(n, yy=variance * (n - 1), shift=shift))


def test_cookie_cats(cats: pd.DataFrame) -> None:
    by_arm = cats.groupby("version")
    n = by_arm.size()
    assert n.tolist() == [44_700, 45_489]
    p = {}
    for day in (1, 7):
        hits = by_arm[f"retention_{day}"].sum()
        found = two_proportions.proportion_test(
            n.iloc[0], hits.iloc[0], *_second(n, hits)
        )
        p[day] = float(found.p_value)
    assert p[1] == pytest.approx(0.0744, abs=5e-5)
    assert p[7] == pytest.approx(0.00155, abs=5e-6)
    ratio = sample_ratio.sample_ratio_test(n.to_numpy(), [1, 1])
    assert ratio.p_value == pytest.approx(0.00861, abs=5e-6)
    assert not ratio.is_mismatch


def _second(n: pd.Series, hits: pd.Series) -> tuple[int, int]:
    return int(n.iloc[1]), int(hits.iloc[1])


def test_cookie_cats_chance_to_beat(cats: pd.DataFrame) -> None:
    by_arm = cats.groupby("version")
    n = by_arm.size()
    chances = []
    for day in (1, 7):
        hits = by_arm[f"retention_{day}"].sum()
        found = bayes.compared_rates(n.iloc[0], hits.iloc[0], *_second(n, hits))
        chances.append(1 - float(found.chance_to_beat))
    assert chances[0] == pytest.approx(0.96, abs=0.005)
    assert chances[1] == pytest.approx(0.999, abs=0.0005)


def test_cookie_cats_from_rows_equals_scipy(cats: pd.DataFrame) -> None:
    rows = [
        group["sum_gamerounds"].to_numpy(float) for _, group in cats.groupby("version")
    ]
    arms = [
        sums.moments_of(sums.sums_of_units(np.stack([row, *3 * [0 * row]], axis=-1)))
        for row in rows
    ]
    found = inference.welch_test(contrasts.mean_contrast(*arms))
    theirs = stats.ttest_ind(rows[1], rows[0], equal_var=False)
    assert found.statistic == pytest.approx(theirs.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-12)


def test_udacity_free_trial(shared_dir: Path) -> None:
    folder = shared_dir / "data" / "udacity_free_trial"
    control, treatment = (
        pd.read_csv(folder / f"{name}.csv") for name in ("Control", "Experiment")
    )
    views = [float(frame["Pageviews"].sum()) for frame in (control, treatment)]
    assert views == [345_543, 344_660]
    lower, upper = sample_ratio.share_band(sum(views), 0.5)
    assert (round(float(lower), 4), round(float(upper), 4)) == (0.4988, 0.5012)
    assert lower <= views[0] / sum(views) <= upper
    expected = {
        "Enrollments": (-0.0205, -0.0291, -0.0120, True),
        "Payments": (-0.0048, -0.0116, 0.0019, False),
    }
    mature = [frame.dropna() for frame in (control, treatment)]
    clicks = [float(frame["Clicks"].sum()) for frame in mature]
    assert clicks == [17_293, 17_260]
    for name, (effect, low, high, significant) in expected.items():
        hits = [float(frame[name].sum()) for frame in mature]
        found = two_proportions.proportion_test(clicks[0], hits[0], clicks[1], hits[1])
        assert found.estimate == pytest.approx(effect, abs=1e-4)
        assert found.lower == pytest.approx(low, abs=1e-4)
        assert found.upper == pytest.approx(high, abs=1e-4)
        assert bool(found.is_significant) is significant


def test_every_asos_snapshot_against_scipy(asos: pd.DataFrame) -> None:
    contrast = contrasts.mean_contrast(arm(asos, "c"), arm(asos, "t"))
    found = inference.welch_test(contrast)

    def column(name: str) -> np.ndarray:
        return asos[name].to_numpy()

    theirs = stats.ttest_ind_from_stats(
        *(column("mean_t"), np.sqrt(column("variance_t")), column("count_t")),
        *(column("mean_c"), np.sqrt(column("variance_c")), column("count_c")),
        equal_var=False,
    )
    np.testing.assert_allclose(found.statistic, theirs.statistic, rtol=1e-9)
    np.testing.assert_allclose(found.p_value, theirs.pvalue, rtol=1e-9)
    assert_coherent(found, alpha=0.05)
    lift = lifts.fieller_interval(
        contrast,
        tails.student_critical(0.025, contrast.dof),
        is_significant=found.is_significant,
    )
    known = np.isfinite(lift.lower)
    outside = (lift.lower > 0) | (lift.upper < 0)
    assert known.mean() > 0.99
    assert (outside == found.is_significant)[known].all()
    anytime = confidence_sequences.always_valid_test(contrast, tuning_units=5_000)
    assert_coherent(anytime, alpha=0.05)


def assert_coherent(found: inference.Estimate, *, alpha: float) -> None:
    """No contradiction between p, interval and flag."""
    outside = (found.lower > 0) | (found.upper < 0)
    np.testing.assert_array_equal(found.is_significant, outside)
    np.testing.assert_array_equal(found.is_significant, found.p_value < alpha)
    assert ((found.lower <= found.estimate) & (found.estimate <= found.upper)).all()


def test_asos_significance_over_the_looks(asos: pd.DataFrame) -> None:
    """How often a fixed test and the always-valid one are ever significant."""
    contrast = contrasts.mean_contrast(arm(asos, "c"), arm(asos, "t"))
    series = asos.groupby(KEY, sort=False).ngroup().to_numpy()
    last = asos.groupby(KEY, sort=False).tail(1).index.to_numpy()
    anytime = confidence_sequences.always_valid_test(contrast, tuning_units=5_000)
    fixed = inference.welch_test(contrast)
    assert np.unique(series).size == 381
    assert np.unique(series[fixed.is_significant]).size == 224
    assert fixed.is_significant[last].sum() == 105
    assert np.unique(series[anytime.is_significant]).size == 71
    assert anytime.is_significant[last].sum() == 42


def test_asos_sample_ratio(asos: pd.DataFrame) -> None:
    ends = asos.groupby(["experiment_id", "variant_id"]).tail(1)
    found = sample_ratio.sample_ratio_test(ends[["count_c", "count_t"]], [1, 1])
    assert len(ends) == 99
    assert found.is_mismatch.sum() == 12


def test_learned_prior_halves_the_error_of_an_early_lift(asos: pd.DataFrame) -> None:
    """A quarter into the run, shrunk by the other experiments' ends alone."""
    lift = contrasts.relative_by_delta(
        contrasts.mean_contrast(arm(asos, "c"), arm(asos, "t"))
    )
    frame = asos[[*KEY, "time_since_start"]].assign(
        lift=lift.difference, variance=lift.variance
    )
    ends = frame.groupby(KEY).tail(1).set_index(KEY)
    length = ends["time_since_start"].rename("length")
    timed = frame.join(length, on=KEY)
    reached = timed[timed["time_since_start"] >= timed["length"] / 4]
    early = reached.groupby(KEY).head(1).set_index(KEY).reindex(ends.index)
    experiment = ends.index.get_level_values("experiment_id").to_numpy()
    metric = ends.index.get_level_values("metric_id").to_numpy()
    others = (metric[:, None] == metric) & (experiment[:, None] != experiment)
    prior = bayes.learned_prior(
        ends["lift"].to_numpy()[None], ends["variance"].to_numpy()[None], used=others
    )
    shrunk = bayes.shrunk_effect(early["lift"], early["variance"], prior).mean
    truth = ends["lift"].to_numpy()
    mean_error = np.abs(shrunk - truth).mean()
    raw_error = np.abs(early["lift"].to_numpy() - truth).mean()
    root_error = np.sqrt(((shrunk - truth) ** 2).mean())
    assert len(ends) == 381
    assert mean_error <= 0.0036
    assert root_error <= 0.005
    assert raw_error >= 0.006
