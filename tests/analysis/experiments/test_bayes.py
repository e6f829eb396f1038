"""Posteriors and learned priors against integrals, simulation and known sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats
from statsmodels.stats.meta_analysis import combine_effects

from dagster_project.analysis.experiments import bayes


@given(
    mean=st.floats(-3, 3),
    variance=st.floats(0.01, 4),
    prior_mean=st.floats(-1, 1),
    prior_variance=st.floats(0.01, 4),
)
@settings(max_examples=20, deadline=None)
def test_posterior_by_quadrature(
    mean: float, variance: float, prior_mean: float, prior_variance: float
) -> None:
    found = bayes.posterior_of(
        mean, variance, prior_mean=prior_mean, prior_variance=prior_variance
    )
    grid = np.linspace(-25, 25, 50_001)
    density = stats.norm.pdf(mean, grid, np.sqrt(variance))
    density *= stats.norm.pdf(grid, prior_mean, np.sqrt(prior_variance))
    density /= integrate.trapezoid(density, grid)

    def expectation(of: np.ndarray) -> float:
        return float(integrate.trapezoid(of * density, grid))

    assert found.mean == pytest.approx(expectation(grid), abs=1e-6)
    assert found.chance_to_beat == pytest.approx(
        expectation(np.heaviside(grid, 0.5)), abs=1e-5
    )
    assert found.loss_of_treatment == pytest.approx(
        expectation(np.maximum(-grid, 0)), abs=1e-6
    )
    assert found.loss_of_control == pytest.approx(
        expectation(np.maximum(grid, 0)), abs=1e-6
    )


def test_where_less_is_good_the_chances_turn() -> None:
    up = bayes.posterior_of(0.3, 0.04)
    down = bayes.posterior_of(0.3, 0.04, direction=-1.0)
    assert up.chance_to_beat + down.chance_to_beat == pytest.approx(1)
    assert up.loss_of_treatment == pytest.approx(float(down.loss_of_control))
    assert up.mean == down.mean


def test_a_flat_prior_leaves_the_data_and_a_certain_one_itself() -> None:
    flat = bayes.posterior_of(0.3, 0.04)
    assert (flat.mean, flat.std_dev) == (0.3, pytest.approx(0.2))
    fixed = bayes.posterior_of(0.3, 0.04, prior_mean=0.1, prior_variance=0.0)
    assert fixed.mean == 0.1
    assert fixed.std_dev == 0


def test_learned_prior_is_dersimonian_and_laird() -> None:
    rng = np.random.default_rng(1)
    variances = rng.uniform(0.5, 2, 25)
    effects = rng.normal(1.0, np.sqrt(variances + 0.7))
    found = bayes.learned_prior(effects, variances)
    theirs = combine_effects(effects, variances, method_re="dl")
    assert found.variance == pytest.approx(theirs.tau2, rel=1e-9)
    assert found.mean == pytest.approx(theirs.mean_effect_re, rel=1e-9)
    assert found.mean_error == pytest.approx(theirs.sd_eff_w_re, rel=1e-9)
    assert found.experiments == 25


def test_learned_prior_masks_rows_and_needs_two() -> None:
    effects = np.array([[0.1, 0.2, np.nan, 0.4], [0.1, np.nan, np.nan, 0.2]])
    variances = np.array([[1.0, 1.0, 1.0, 0.0], [0.01, 1.0, 1.0, 0.01]])
    used = np.array([[True, True, True, True], [True, True, True, False]])
    found = bayes.learned_prior(effects, variances, used=used)
    assert found.experiments.tolist() == [2, 1]
    assert found.variance[0] == 0
    assert np.isnan(found.variance[1])


def test_shrinking_recovers_planted_effects_better_than_the_raw_ones() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(0.5, 0.3, 2_000)
    variances = rng.uniform(0.05, 0.5, 2_000)
    effects = rng.normal(truth, np.sqrt(variances))
    prior = bayes.learned_prior(effects, variances)
    shrunk = bayes.shrunk_effect(effects, variances, prior)
    assert prior.mean == pytest.approx(0.5, abs=0.05)
    assert prior.variance == pytest.approx(0.09, abs=0.03)
    error = np.abs(shrunk.mean - truth).mean()
    assert error < 0.65 * np.abs(effects - truth).mean()
    inside = (shrunk.lower <= truth) & (truth <= shrunk.upper)
    assert inside.mean() == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    "counts",
    [(100, 49, 100, 51), (10, 0, 10, 0), (5, 5, 7, 1), (100_000, 5, 90_000, 20)],
)
def test_rates_by_the_closed_sum(counts: tuple[int, int, int, int]) -> None:
    n_c, x_c, n_t, x_t = counts
    found = bayes.compared_rates(*counts)
    a, b, c, d = x_c + 1, n_c - x_c + 1, x_t + 1, n_t - x_t + 1
    k = np.arange(c)
    chance = np.exp(
        special.betaln(a + k, d + b)
        - np.log(d + k)
        - special.betaln(1 + k, d)
        - special.betaln(a, b)
    ).sum()
    assert found.chance_to_beat == pytest.approx(chance, rel=1e-8)
    gain = c / (c + d) - a / (a + b)
    assert found.loss_of_control - found.loss_of_treatment == pytest.approx(
        gain, abs=1e-10
    )


def test_rates_of_arrays_are_rates_one_by_one() -> None:
    hits = np.array([[3, 40], [0, 99]])
    found = bayes.compared_rates(100, hits, 120, 30)
    for place in np.ndindex(2, 2):
        one = bayes.compared_rates(100, hits[place], 120, 30)
        assert found.chance_to_beat[place] == pytest.approx(float(one.chance_to_beat))
    with pytest.raises(ValueError, match="hits"):
        bayes.compared_rates(1, 2, 3, 3)
