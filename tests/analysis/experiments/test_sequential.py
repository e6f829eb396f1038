"""Boundaries, confidence sequences and sample ratios over many looks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from dagster_project.analysis.experiments import contrasts, sample_ratio, sums
from dagster_project.analysis.experiments.confidence_sequences import (
    always_valid_critical,
    always_valid_test,
    bernoulli_sequence,
    running_bounds,
    running_log_p,
)
from dagster_project.analysis.experiments.group_sequential import (
    TRUNCATION,
    boundaries,
    obrien_fleming_spending,
    power_spending,
)
from dagster_project.analysis.experiments.reasons import Reason


@pytest.mark.parametrize(
    "expected",
    [
        [2.9626, 1.9686],
        [3.7103, 2.5114, 1.9930],
        [4.8769, 3.3569, 2.6803, 2.2898, 2.0310],
    ],
)
def test_published_obrien_fleming_boundaries(expected: list[float]) -> None:
    """Equal looks at two-sided 5 %, as R's gsDesign, rpact and ldbounds print them."""
    looks = np.arange(1, len(expected) + 1) / len(expected)
    found = boundaries(looks, obrien_fleming_spending(looks, alpha=0.025))
    np.testing.assert_allclose(found.critical, expected, atol=1.5e-4)


def test_two_looks_by_a_double_integral() -> None:
    """The chance of a first crossing at look 2, by scipy's adaptive quadrature."""
    looks = np.array([0.35, 1.0])
    spent = power_spending(looks, alpha=0.02, rho=1.3)
    z = boundaries(looks, spent).critical
    assert z[0] == pytest.approx(stats.norm.isf(spent[0]), rel=1e-12)
    inside, sd = z[0] * np.sqrt(0.35), np.sqrt(0.65)

    def crossing(b: float) -> float:
        density = stats.norm.pdf(b, scale=np.sqrt(0.35))
        return float(density * stats.norm.sf((z[1] - b) / sd))

    upper, _ = integrate.quad(crossing, -inside, inside, epsabs=1e-13)
    assert upper == pytest.approx(spent[1] - spent[0], rel=1e-8)


@given(
    steps=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=20),
    alpha=st.sampled_from([0.1, 0.025, 0.005]),
)
@settings(max_examples=30, deadline=None)
def test_boundaries_spend_what_they_should(steps: list[float], alpha: float) -> None:
    """Simulated paths cross as often as the spending function says."""
    looks = np.cumsum(steps) / np.sum(steps)
    looks[-1] = 1.0
    spent = obrien_fleming_spending(looks, alpha=alpha)
    found = boundaries(looks, spent)
    rng = np.random.default_rng(1)
    paths = np.cumsum(
        rng.normal(size=(20_000, looks.size)) * np.sqrt(np.diff(looks, prepend=0)),
        axis=1,
    )
    crossed = (np.abs(paths) > found.critical * np.sqrt(looks)).any(axis=1).mean()
    error = np.sqrt(2 * alpha * (1 - 2 * alpha) / 20_000)
    assert crossed == pytest.approx(2 * alpha, abs=4.5 * error)
    assert (np.diff(found.spent) >= 0).all()


def test_one_side_of_it_serves_a_one_sided_test() -> None:
    """The upper boundary alone, by a dense grid that lets paths fall as they will."""
    looks = np.arange(1, 6) / 5
    spent = obrien_fleming_spending(looks, alpha=0.05)
    z = boundaries(looks, spent).critical
    grid = np.linspace(-6, 6, 2_001)
    density = stats.norm.pdf(grid, scale=np.sqrt(0.2))
    kernel = stats.norm.pdf(grid[:, None] - grid, scale=np.sqrt(0.2))
    gone = 0.0
    for look, time in enumerate(looks):
        bound = z[look] * np.sqrt(time)
        if look:
            beyond = stats.norm.sf((bound - grid) / np.sqrt(0.2))
            gone += integrate.trapezoid(density * beyond, grid)
            density = integrate.trapezoid(kernel * density, grid, axis=1)
        else:
            gone = stats.norm.sf(z[0])
        # The cell that the bound cuts counts by its share below the bound.
        inside = np.clip((bound - grid) / (grid[1] - grid[0]) + 0.5, 0, 1)
        density = density * inside
        assert gone == pytest.approx(spent[look], rel=5e-4, abs=1e-9)


def test_boundaries_do_not_depend_on_later_looks_or_company() -> None:
    """A decision made today stands when tomorrow's look comes."""
    looks = np.array([0.1, 0.4, 0.45, 0.8, 1.0])
    whole = boundaries(looks, obrien_fleming_spending(looks, alpha=0.025)).critical
    several = np.stack([np.where(np.arange(5) < k, looks, np.nan) for k in range(1, 6)])
    found = boundaries(several, obrien_fleming_spending(several, alpha=0.025)).critical
    for k in range(1, 6):
        np.testing.assert_allclose(found[k - 1, :k], whole[:k], atol=1e-6)
        assert np.isnan(found[k - 1, k:]).all()


def test_a_look_without_new_information_is_no_look() -> None:
    looks = np.array([0.3, 0.6, 0.6, 1.0])
    found = boundaries(looks, obrien_fleming_spending(looks, alpha=0.025)).critical
    rest = boundaries(
        looks[[0, 1, 3]], obrien_fleming_spending(looks[[0, 1, 3]], alpha=0.025)
    ).critical
    assert np.isinf(found[2])
    np.testing.assert_allclose(found[[0, 1, 3]], rest, atol=1e-9)


def test_a_first_look_that_may_spend_nothing_is_truncated() -> None:
    looks = np.array([0.01, 1.0])
    found = boundaries(looks, obrien_fleming_spending(looks, alpha=0.025))
    assert found.critical[0] == TRUNCATION
    assert found.critical[1] == pytest.approx(stats.norm.isf(0.025), abs=1e-6)


@pytest.mark.parametrize(
    ("looks", "message"),
    [([0.5, 0.4], "not decrease"), ([0.0, 1.0], "lie in"), ([0.5, 1.2], "lie in")],
)
def test_impossible_schedules_are_refused(looks: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        boundaries(looks, [0.01, 0.02])


def normal_contrast(difference: float, error: float, n: float) -> contrasts.Contrast:
    one = np.asarray
    return contrasts.Contrast(
        *(one(difference), one(error**2), one(1.0), one(0.0), one(0.0)),
        *(one(np.inf), one(n), one(np.int8(0))),
    )


@given(
    z=st.floats(-50, 50),
    n=st.floats(2, 1e7),
    tuning=st.floats(10, 1e6),
    alpha=st.sampled_from([0.2, 0.05, 0.01]),
)
@settings(max_examples=100, deadline=None)
def test_always_valid_p_is_the_level_at_which_the_interval_touches_0(
    z: float, n: float, tuning: float, alpha: float
) -> None:
    found = always_valid_test(
        normal_contrast(z, 1.0, n), tuning_units=tuning, alpha=alpha
    )
    outside = bool(found.lower > 0 or found.upper < 0)
    assert bool(found.is_significant) == outside == bool(found.p_value < alpha)
    assert found.upper - found.estimate >= stats.norm.isf(alpha / 2) - 1e-9


def test_always_valid_is_tightest_near_its_tuning() -> None:
    n = np.geomspace(1e2, 1e7, 400)
    reach = always_valid_critical(n, 10_000.0) / np.sqrt(n)
    others = always_valid_critical(n, 1_000.0) / np.sqrt(n)
    near = np.argmin(np.abs(n - 10_000))
    assert reach[near] < others[near]
    assert np.argmin(always_valid_critical(n, 10_000.0)) == pytest.approx(near, abs=12)


def test_running_bounds_and_p_never_turn_back() -> None:
    lower = np.array([np.nan, -1.0, -2.0, 0.5])
    upper = np.array([np.nan, 3.0, np.nan, 2.0])
    low, high = running_bounds(lower, upper)
    assert low.tolist() == [-np.inf, -1.0, -1.0, 0.5]
    assert high.tolist() == [np.inf, 3.0, 3.0, 2.0]
    assert running_log_p(np.array([np.nan, -3.0, -1.0])).tolist() == [0, -3, -3]


def test_bernoulli_sequence_at_its_ends() -> None:
    assert bernoulli_sequence(0, 0, tuning_count=50) == (0.0, 1.0)
    lower, upper = bernoulli_sequence(50, 0, tuning_count=50)
    assert lower == 0
    assert 0.05 < upper < 0.3
    mirrored = bernoulli_sequence(50, 50, tuning_count=50)
    assert mirrored == pytest.approx((1 - upper, 1.0))
    with pytest.raises(ValueError, match="hits"):
        bernoulli_sequence(5, 6, tuning_count=50)


def test_chi_squared_is_scipys_with_weights_and_leading_axes() -> None:
    rng = np.random.default_rng(4)
    counts = rng.integers(50, 500, size=(6, 5, 3)).astype(float)
    found = sample_ratio.sample_ratio_test(counts, [2, 1, 1])
    for place in np.ndindex(6, 5):
        theirs = stats.chisquare(
            counts[place], counts[place].sum() * np.array([0.5, 0.25, 0.25])
        )
        assert found.p_value[place] == pytest.approx(theirs.pvalue, rel=1e-9)


def test_chi_squared_far_out_and_stray_units() -> None:
    found = sample_ratio.sample_ratio_test(
        [[60_000, 40_000, 0], [500, 500, 1], [500, 500, 0], [0, 0, 0], [9, 0, 0]],
        [[1, 1, 0], [1, 1, 0], [1, 1, np.nan], [1, 1, 1], [1, 0, 0]],
    )
    # Chi-squared with one degree is a squared normal.
    z = np.sqrt(found.statistic[0])
    expected = np.log(2) + special.log_ndtr(-z)
    assert found.log_p[0] == pytest.approx(expected, rel=1e-9)
    assert found.is_mismatch.tolist() == [True, True, False, False, False]
    assert found.has_stray_units.tolist() == [False, True, False, False, False]
    assert found.reason.tolist() == [0, 0, 0, Reason.EMPTY_ARM, Reason.TOO_FEW_UNITS]


def test_sequential_sample_ratio_is_the_factor_day_by_day() -> None:
    """Multiplying the predictive probabilities of each day gives the same factor."""
    rng = np.random.default_rng(5)
    weights, size = np.array([0.6, 0.4]), 500.0
    daily = rng.multinomial(90, [0.5, 0.5], size=14)
    prior, log_factor, expected = size * weights, 0.0, []
    for day in daily:
        marginal = stats.dirichlet_multinomial(prior, day.sum()).logpmf(day)
        log_factor += marginal - stats.multinomial(day.sum(), weights).logpmf(day)
        prior = prior + day
        expected.append(log_factor)
    best = np.minimum(-np.maximum.accumulate(expected), 0)
    found = sample_ratio.sequential_log_p(
        np.cumsum(daily, axis=0), [3, 2], concentration=size
    )
    np.testing.assert_allclose(found, best, atol=1e-8)
    assert (np.diff(found) <= 0).all()


def test_slices_are_an_axis() -> None:
    rng = np.random.default_rng(6)
    seen = np.cumsum(rng.multinomial(90, [0.5, 0.5], size=(3, 4, 14)), axis=2)
    found = sample_ratio.sequential_log_p(seen, [1, 1])
    assert found.shape == (3, 4, 14)
    one = sample_ratio.sequential_log_p(seen[2, 1], [1, 1])
    np.testing.assert_allclose(found[2, 1], one)


def test_moments_with_a_day_axis_give_every_look_at_once() -> None:
    n = np.array([100.0, 200.0, 300.0])
    arms = [
        sums.moments_of(sums.sums_of(n, y=n * mean, yy=n * (1 + mean**2)))
        for mean in (1.0, 1.3)
    ]
    found = always_valid_test(contrasts.mean_contrast(*arms), tuning_units=500.0)
    assert found.lower.shape == (3,)
    assert (np.diff(found.log_p) < 0).all()


def test_beginnings_of_a_schedule_have_its_boundaries_to_the_last_bit() -> None:
    rng = np.random.default_rng(8)
    looks = np.sort(rng.uniform(0.02, 1.0, 25))
    days = np.where(np.arange(25) <= np.arange(25)[:, np.newaxis], looks, np.nan)
    other = np.where(np.isnan(days), np.nan, days * 0.9)
    both = np.concatenate([days, other])[rng.permutation(50)]
    spent = obrien_fleming_spending(both, alpha=0.025)
    together = boundaries(both, spent).critical
    for row in range(50):
        alone = boundaries(both[row : row + 1], spent[row : row + 1])
        np.testing.assert_array_equal(alone.critical[0], together[row])
