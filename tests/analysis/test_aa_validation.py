"""Equal halves: their sums by brute force, the rates of a sound and of a bad test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dagster_project.analysis.aa_validation import Persons, aa_validation, split_sums
from dagster_project.analysis.experiments.study import MetricKind
from dagster_project.analysis.experiments.sums import moments_of

KINDS = np.array(
    [MetricKind.PROPORTION, MetricKind.MEAN, MetricKind.RATIO], dtype=np.int8
)


def persons(n: int, seed: int = 1) -> Persons:
    rng = np.random.default_rng(seed)
    values = np.zeros((3, n, 4))
    values[0, :, 0] = rng.random(n) < 0.1
    past = rng.gamma(1.0, 20.0, n)
    values[1, :, 0], values[1, :, 2] = past + rng.gamma(1.0, 5.0, n), past
    orders = rng.poisson(2.0, n) * 1.0
    values[2, :, 0], values[2, :, 1] = orders * rng.gamma(2.0, 5.0, n), orders
    return Persons(("share", "spend", "per_order"), KINDS, values)


def test_sums_of_halves_are_those_of_their_persons() -> None:
    some = persons(300)
    sums = split_sums(some, splits=5, seed=7)
    rng = np.random.default_rng(7)
    bits = rng.integers(0, 2**64, size=(5, 5), dtype=np.uint64).view(np.uint8)
    second = np.unpackbits(bits, axis=1)[:, :300].astype(bool)
    moments = moments_of(sums)
    for split in range(5):
        for half, which in enumerate((~second[split], second[split])):
            assert (sums.count[split, :, half] == which.sum()).all()
            for metric in range(3):
                rows = some.values[metric, which]
                np.testing.assert_allclose(
                    moments.mean[split, metric, half][:2],
                    rows.mean(axis=0)[:2],
                    atol=1e-12,
                )
                used = slice(0, 1) if metric == 0 else slice(0, 4)
                np.testing.assert_allclose(
                    moments.covariance[split, metric, half][used, used],
                    np.cov(rows.T)[used, used],
                    rtol=1e-9,
                    atol=1e-12,
                )


def test_chunks_do_not_show() -> None:
    # More persons than one chunk: halves are still all of them, half each.
    many = persons(20_000)
    sums = split_sums(many, splits=8, seed=1)
    assert (sums.count.sum(axis=-1) == 20_000).all()
    assert (abs(sums.count / 20_000 - 0.5) < 0.02).all()
    whole = moments_of(sums).mean
    weighted = (whole * sums.count[..., np.newaxis]).sum(axis=2) / 20_000
    np.testing.assert_allclose(
        weighted[:, 1, 0], many.values[1, :, 0].mean(), rtol=1e-12
    )


def test_sound_metrics_lie_in_their_band_and_again_the_same() -> None:
    found = aa_validation(persons(3_000), seed=3)
    assert found["is_within_band"].all()
    assert (found["split_count"] == 512).all()
    assert found["false_positive_rate"].between(0.02, 0.08).all()
    inside = found["false_positive_rate"].between(
        found["rate_lower"], found["rate_upper"]
    )
    assert inside.all()
    assert found.equals(aa_validation(persons(3_000), seed=3))


def test_a_test_with_too_small_an_error_leaves_the_band() -> None:
    some = persons(3_000)
    # Fives where a share has ones: its variance is taken for a fifth of what it is.
    some.values[0, :, 0] = np.where(np.arange(3_000) % 20 == 0, 5.0, 0.0)
    found = aa_validation(some).set_index("metric_name")
    assert not found.loc["share", "is_within_band"]
    assert found.loc["share", "false_positive_rate"] > 0.2
    assert found.loc["spend", "is_within_band"]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_too_few_persons_have_no_rate(n: int) -> None:
    found = aa_validation(persons(n), splits=16)
    assert found["false_positive_rate"].isna().all()
    assert (found["reason"] == "too_few_units").all()
    assert found["is_within_band"].isna().all()


def test_a_figure_of_four_persons_has_a_rate_that_is_not_judged() -> None:
    """All lie in one half in one split of eight, and any test calls that unequal."""
    some = persons(1_250)
    some.values[1, :, 0] = np.where(np.arange(1_250) < 4, 1.0, 0.0)
    found = aa_validation(some).set_index("metric_name").loc["spend"]
    assert found["false_positive_rate"] == pytest.approx(0.125, abs=0.05)
    assert found["reason"] == "too_few_active"
    assert pd.isna(found["is_within_band"])


@pytest.mark.parametrize("fails", [0.005, 0.995])
def test_a_ratio_that_four_persons_make_is_not_judged(fails: float) -> None:
    """A payment that fails is as rare a figure as one that succeeds."""
    some = persons(800)
    payments, failed = np.ones(800), np.arange(800) < fails * 800
    some.values[2] = 0.0
    some.values[2, :, 0], some.values[2, :, 1] = payments - failed, payments
    found = aa_validation(some).set_index("metric_name").loc["per_order"]
    assert found["active_count"] == 4
    assert found["reason"] == "too_few_active"
    assert pd.isna(found["is_within_band"])


def test_nobody_with_a_figure_has_no_rate() -> None:
    some = persons(100)
    some.values[2] = 0.0
    found = aa_validation(some, splits=16).set_index("metric_name")
    assert found.loc["per_order", "reason"] == "too_few_units"


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="values must be"):
        Persons(("one",), KINDS[:1], np.zeros((2, 5, 4)))
