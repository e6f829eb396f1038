"""Two proportions: oracles, coherence of test and interval, small samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from dagster_project.analysis.experiments import two_proportions
from dagster_project.analysis.experiments.exact_tables import (
    ExactTable,
    barnard_p,
    boschloo_p,
)
from dagster_project.analysis.experiments.reasons import (
    Method,
    Reason,
    method_names,
)

LEVELS = [0.2, 0.1, 0.05, 0.01]


@st.composite
def tables(draw: st.DrawFn, most: int = 20_000) -> tuple[int, int, int, int]:
    n_c, n_t = draw(st.integers(1, most)), draw(st.integers(1, most))
    return n_c, draw(st.integers(0, n_c)), n_t, draw(st.integers(0, n_t))


@given(table=tables(), alpha=st.sampled_from(LEVELS))
@settings(max_examples=150, deadline=None)
def test_p_interval_and_flag_agree(
    table: tuple[int, int, int, int], alpha: float
) -> None:
    found = two_proportions.proportion_test(*table, alpha=alpha)
    if found.reason != Reason.NONE:
        assert np.isnan([found.p_value, found.lower, found.upper]).all()
        assert table[1] + table[3] in (0, table[0] + table[2])
        return
    outside = bool(found.lower > 0 or found.upper < 0)
    assert bool(found.is_significant) == outside == bool(found.p_value < alpha)
    assert found.lower <= found.estimate <= found.upper
    assert -1 <= found.lower <= found.upper <= 1


@given(table=tables(most=200_000), level=st.sampled_from(LEVELS))
@settings(max_examples=100, deadline=None)
def test_z_and_newcombe_are_statsmodels(
    table: tuple[int, int, int, int], level: float
) -> None:
    n_c, x_c, n_t, x_t = table
    z = two_proportions.pooled_z(*table)
    if 0 < x_c + x_t < n_c + n_t:
        theirs, _ = proportions_ztest([x_t, x_c], [n_t, n_c])
        assert z == pytest.approx(theirs, rel=1e-9, abs=1e-12)
    lower, upper = two_proportions.newcombe_interval(
        *table, critical=stats.norm.isf(level / 2)
    )
    bounds = confint_proportions_2indep(
        *(x_t, n_t, x_c, n_c), method="newcomb", compare="diff", alpha=level
    )
    np.testing.assert_allclose([lower, upper], bounds, atol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_boschloo_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_c, n_t = rng.integers(5, 50, size=2)
    x_c, x_t = rng.binomial(n_c, 0.2), rng.binomial(n_t, 0.5)
    theirs = stats.boschloo_exact([[x_c, x_t], [n_c - x_c, n_t - x_t]], n=64)
    table = ExactTable(*map(int, (n_c, x_c, n_t, x_t)))
    assert boschloo_p(table) == pytest.approx(theirs.pvalue, rel=1e-4)


@given(table=tables(most=60))
@settings(max_examples=40, deadline=None)
def test_exact_tests_know_no_side_and_no_success(
    table: tuple[int, int, int, int],
) -> None:
    n_c, x_c, n_t, x_t = table
    for test in (boschloo_p, barnard_p):
        p = test(ExactTable(*table))
        assert p == pytest.approx(test(ExactTable(n_t, x_t, n_c, x_c)), rel=1e-5)
        flipped = ExactTable(n_c, n_c - x_c, n_t, n_t - x_t)
        assert p == pytest.approx(test(flipped), rel=1e-5)
        assert 0 < p <= 1


def test_boschloo_by_brute_force_over_all_tables() -> None:
    """Every table, every rate of a fine grid, nothing clever."""
    n_c, n_t, x_c, x_t = 9, 12, 1, 7
    fisher = {
        (i, j): tuple(
            stats.fisher_exact([[i, j], [n_c - i, n_t - j]], alternative=side).pvalue
            for side in ("less", "greater")
        )
        for i in range(n_c + 1)
        for j in range(n_t + 1)
    }
    rates = np.linspace(1e-6, 1 - 1e-6, 4_001)
    sides = []
    for side in (0, 1):
        chance = np.zeros_like(rates)
        for (i, j), p in fisher.items():
            if p[side] <= fisher[x_c, x_t][side] * (1 + 1e-9):
                chance += stats.binom.pmf(i, n_c, rates) * stats.binom.pmf(
                    j, n_t, rates
                )
        sides.append(chance.max())
    table = ExactTable(n_c, x_c, n_t, x_t)
    assert boschloo_p(table) == pytest.approx(2 * min(sides), rel=1e-5)


def test_rare_events_in_large_arms() -> None:
    """A few conversions of a million: close to Fisher's test, never above it."""
    p = boschloo_p(ExactTable(1_000_000, 3, 1_000_000, 14))
    fisher = stats.fisher_exact([[3, 14], [999_997, 999_986]]).pvalue
    assert p is not None
    assert 0.3 * fisher < p < fisher
    found = two_proportions.proportion_evidence(1_000_000, 3, 1_000_000, 14)
    assert method_names(found.method) == "boschloo"


def test_the_choice_of_test() -> None:
    found = two_proportions.proportion_evidence(
        *([500, 500, 5_000, 5_000, 5_000, 60_000_000], [50, 50, 9, 10, 4_995, 9]),
        *([499, 500, 5_000, 5_000, 5_000, 9_000_000], [60, 60, 20, 10, 4_990, 800_000]),
    )
    assert found.method.tolist() == [
        *(Method.BOSCHLOO, Method.POOLED_Z, Method.BOSCHLOO, Method.POOLED_Z),
        *(Method.BOSCHLOO, Method.FISHER),
    ]


def test_nobody_and_everybody_converted_is_null_with_a_reason() -> None:
    found = two_proportions.proportion_test([100, 100, 0], [0, 100, 0], 90, [0, 90, 9])
    assert found.reason.tolist() == [
        *(Reason.ZERO_VARIANCE, Reason.ZERO_VARIANCE, Reason.EMPTY_ARM)
    ]
    assert np.isnan(found.p_value).all()
    assert not found.is_significant.any()
    one = two_proportions.proportion_test(1, 1, 1, 0)
    assert one.p_value == pytest.approx(0.5, abs=1e-6) or one.p_value > 0.3


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and the units"):
        two_proportions.proportion_test(10, 11, 10, 1)


def test_identical_arms() -> None:
    found = two_proportions.proportion_test(5_000, 400, 5_000, 400)
    assert found.p_value == 1
    assert found.lower < 0 < found.upper
