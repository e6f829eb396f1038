"""Sufficient statistics: merging, shifting, stability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dagster_project.analysis.experiments.sums import (
    PRODUCTS,
    VARIABLES,
    Sums,
    merged,
    moments_of,
    shifted_to,
    sums_of,
    sums_of_units,
    total,
)

whole_rows = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 30), st.just(4)),
    elements=st.integers(-1_000, 1_000).map(float),
)
whole_shifts = hnp.arrays(
    np.float64, 4, elements=st.integers(-10_000, 10_000).map(float)
)


def assert_same(left: Sums, right: Sums) -> None:
    for name in ("count", "first", "second"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


@given(rows=whole_rows, shift=whole_shifts)
@settings(max_examples=60, deadline=None)
def test_unshifting_is_exact_in_whole_numbers(
    rows: np.ndarray, shift: np.ndarray
) -> None:
    plain = sums_of_units(rows, shift=np.zeros(4))
    assert_same(shifted_to(sums_of_units(rows, shift=shift), np.zeros(4)), plain)
    assert plain.first.tolist() == rows.sum(axis=0).tolist()
    named = dict(zip(PRODUCTS, plain.second, strict=True))
    for a, left in enumerate(VARIABLES):
        for b, right in enumerate(VARIABLES[a:], start=a):
            assert named[left + right] == (rows[:, a] * rows[:, b]).sum()


@given(left=whole_rows, right=whole_rows, a=whole_shifts, b=whole_shifts)
@settings(max_examples=60, deadline=None)
def test_merging_is_the_union(
    left: np.ndarray, right: np.ndarray, a: np.ndarray, b: np.ndarray
) -> None:
    union = sums_of_units(np.concatenate([left, right]), shift=a)
    parts = sums_of_units(left, shift=a), sums_of_units(right, shift=b)
    assert_same(merged(*parts), union)
    stacked = Sums(
        *(
            np.stack([getattr(part, name) for part in parts])
            for name in ("count", "first", "second", "shift")
        )
    )
    assert_same(total(stacked, axis=0), union)


def test_moments_are_numpys() -> None:
    rows = np.random.default_rng(0).normal(size=(3, 200, 4)) @ np.triu(np.ones((4, 4)))
    found = moments_of(sums_of_units(rows))
    for arm in range(3):
        np.testing.assert_allclose(found.mean[arm], rows[arm].mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(
            found.covariance[arm], np.cov(rows[arm].T), rtol=1e-12
        )


def test_mean_1e8_with_deviation_1_keeps_its_variance() -> None:
    rows = np.random.default_rng(1).normal(size=(100_000, 4))
    found = moments_of(sums_of_units(rows + 1e8))
    np.testing.assert_allclose(found.covariance, np.cov(rows.T), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found.mean, 1e8 + rows.mean(axis=0), rtol=1e-15)


@pytest.mark.parametrize("value", [0.1, 1e8 + 0.1, 3.3e-7])
def test_a_constant_has_variance_0(value: float) -> None:
    n = 12_345
    column = np.full(n, value)
    found = moments_of(sums_of(n, y=column.sum(), yy=(column**2).sum()))
    assert found.covariance[0, 0] == 0


def test_empty_and_single_arms_are_unknown() -> None:
    found = moments_of(sums_of([0, 1, 2], y=[0, 5, 4], yy=[0, 25, 10]))
    assert np.isnan(found.mean[0, 0])
    assert found.mean[1, 0] == 5
    assert np.isnan(found.covariance[:2, 0, 0]).all()
    assert found.covariance[2, 0, 0] == 2


def test_unknown_columns_and_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown columns of sums: \\['z'\\]"):
        sums_of(3, z=1)
    with pytest.raises(ValueError, match="negative"):
        sums_of(-1)
