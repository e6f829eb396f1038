"""Tests and intervals: oracles, coherence, invariances, far tails, edges."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from dagster_project.analysis.experiments import (
    contrasts,
    inference,
    lifts,
    sums,
    tails,
)
from dagster_project.analysis.experiments.reasons import Reason, reason_names

LEVELS = [0.2, 0.1, 0.05, 0.01]
positive = st.floats(1e-3, 1e3)
sizes = st.integers(2, 10_000)
anywhere = st.floats(-1e3, 1e3)


def arm(n: float, mean: float, variance: float) -> sums.Moments:
    return sums.moments_of(
        sums.sums_of(n, yy=variance * (n - 1), shift=[mean, 0, 0, 0])
    )


def contrast(
    control: tuple[float, float, float], treatment: tuple[float, float, float]
) -> contrasts.Contrast:
    return contrasts.mean_contrast(arm(*control), arm(*treatment))


@given(
    n=st.tuples(sizes, sizes),
    mean=st.tuples(anywhere, anywhere),
    variance=st.tuples(positive, positive),
    alpha=st.sampled_from(LEVELS),
)
@settings(max_examples=200, deadline=None)
def test_welch_is_scipys_and_coherent(
    n: tuple[int, int],
    mean: tuple[float, float],
    variance: tuple[float, float],
    alpha: float,
) -> None:
    plain = contrast((n[0], mean[0], variance[0]), (n[1], mean[1], variance[1]))
    found = inference.welch_test(plain, alpha=alpha)
    theirs = stats.ttest_ind_from_stats(
        *(mean[1], np.sqrt(variance[1]), n[1]),
        *(mean[0], np.sqrt(variance[0]), n[0]),
        equal_var=False,
    )
    assert found.statistic == pytest.approx(theirs.statistic, rel=1e-9, abs=1e-12)
    assert found.p_value == pytest.approx(theirs.pvalue, rel=1e-9, abs=1e-300)
    coherent(found, alpha)
    lift = lifts.fieller_interval(
        plain,
        tails.student_critical(alpha / 2, plain.dof),
        is_significant=found.is_significant,
    )
    if lift.reason == Reason.NONE:
        outside = bool(lift.lower > 0 or lift.upper < 0)
        assert outside == bool(found.is_significant)
        assert lift.lower <= lift.estimate <= lift.upper


def coherent(found: inference.Estimate, alpha: float) -> None:
    outside = (found.lower > 0) | (found.upper < 0)
    assert bool(found.is_significant) == bool(found.p_value < alpha) == bool(outside)
    assert found.lower <= found.estimate <= found.upper


@pytest.mark.parametrize("alpha", LEVELS)
@pytest.mark.parametrize("ulps", [-3, -1, 0, 1, 3])
def test_at_the_very_edge_p_interval_and_flag_agree(alpha: float, ulps: int) -> None:
    n = 57
    edge = float(stats.t.isf(alpha / 2, 2 * (n - 1))) * np.sqrt(2 / n)
    for _ in range(abs(ulps)):
        edge = float(np.nextafter(edge, np.inf if ulps > 0 else 0))
    plain = contrast((n, 1.0, 1.0), (n, 1.0 + edge, 1.0))
    coherent(inference.welch_test(plain, alpha=alpha), alpha)


@given(
    n=st.tuples(sizes, sizes),
    mean=st.tuples(anywhere, anywhere),
    variance=st.tuples(positive, positive),
    scale=st.floats(1e-6, 1e6),
    shift=anywhere,
)
@settings(max_examples=100, deadline=None)
def test_scale_shift_and_exchange(
    n: tuple[int, int],
    mean: tuple[float, float],
    variance: tuple[float, float],
    scale: float,
    shift: float,
) -> None:
    one, two = ((n[i], mean[i], variance[i]) for i in (0, 1))
    assume(abs(mean[0]) > 1e-6)
    assume(abs(mean[0] - mean[1]) > 1e-6)
    base = inference.welch_test(contrast(one, two))
    bigger = inference.welch_test(
        contrast(*((m, u * scale, v * scale**2) for m, u, v in (one, two)))
    )
    assert bigger.p_value == pytest.approx(float(base.p_value), rel=1e-6, abs=1e-300)
    moved = inference.welch_test(
        contrast(*((m, u + shift, v) for m, u, v in (one, two)))
    )
    assert moved.statistic == pytest.approx(float(base.statistic), rel=1e-6, abs=1e-6)
    turned = inference.welch_test(contrast(two, one))
    assert turned.log_p == pytest.approx(float(base.log_p), rel=1e-9)
    assert turned.lower == pytest.approx(-float(base.upper), rel=1e-9, abs=1e-9)
    lifts = [
        contrasts.relative_by_delta(
            contrast(*((m, u * k, v * k**2) for m, u, v in (one, two)))
        ).difference
        for k in (1.0, scale)
    ]
    assert lifts[1] == pytest.approx(float(lifts[0]), rel=1e-9)


@pytest.mark.parametrize("dof", [3.0, 25.5, 1_000.0, 2e5])
@pytest.mark.parametrize("t", [0.0, 0.7, 5.0, 37.5, 60.0, 900.0])
def test_log_p_keeps_its_digits_far_below_1e_minus_300(t: float, dof: float) -> None:
    with mpmath.workdps(60):
        x = mpmath.mpf(dof) / (mpmath.mpf(dof) + mpmath.mpf(t) ** 2)
        p = mpmath.betainc(mpmath.mpf(dof) / 2, 0.5, 0, x, regularized=True)
        expected = float(mpmath.log(p))
    found = float(tails.two_sided_log_p(t, dof))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_normal_log_p_at_1e_minus_300_and_beyond() -> None:
    for z in (37.04, 100.0, 1e4):
        with mpmath.workdps(60):
            expected = float(mpmath.log(mpmath.erfc(mpmath.mpf(z) / mpmath.sqrt(2))))
        assert tails.two_sided_log_p(z, np.inf) == pytest.approx(expected, rel=1e-12)
    assert np.exp(tails.two_sided_log_p(10.0, np.inf)) == pytest.approx(
        1.5e-23, rel=0.02
    )


def test_mean_1e8_with_deviation_1() -> None:
    rng = np.random.default_rng(2)
    rows = [rng.normal(size=(5_000, 4)), rng.normal(0.1, size=(5_000, 4))]
    high = [sums.moments_of(sums.sums_of_units(row + 1e8)) for row in rows]
    found = inference.welch_test(contrasts.mean_contrast(*high))
    theirs = stats.ttest_ind(rows[1][:, 0], rows[0][:, 0], equal_var=False)
    assert found.statistic == pytest.approx(theirs.statistic, rel=1e-6)


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        ((0, 0.0, 0.0), (10, 1.0, 1.0), Reason.EMPTY_ARM),
        ((1, 5.0, 0.0), (10, 1.0, 1.0), Reason.TOO_FEW_UNITS),
        ((10, 5.0, 0.0), (10, 1.0, 1.0), Reason.ZERO_VARIANCE),
        ((10, 1.0, 0.0), (10, 1.0, 0.0), Reason.ZERO_VARIANCE),
    ],
)
def test_what_cannot_be_tested_is_null_with_a_reason(
    control: tuple[float, float, float],
    treatment: tuple[float, float, float],
    reason: Reason,
) -> None:
    found = inference.welch_test(contrast(control, treatment))
    assert found.reason == reason
    assert reason_names(found.reason) == reason.name.lower()
    for name in ("lower", "upper", "std_error", "statistic", "p_value", "log_p"):
        assert np.isnan(getattr(found, name)), name
    assert not found.is_significant


def test_identical_arms_have_p_1_and_an_interval_around_0() -> None:
    found = inference.welch_test(contrast((50, 3.0, 2.0), (50, 3.0, 2.0)))
    assert found.p_value == 1
    assert found.lower == -found.upper < 0
    assert found.reason == Reason.NONE


def test_a_zero_baseline_has_an_absolute_effect_only() -> None:
    plain = contrast((50, 0.0, 2.0), (50, 3.0, 2.0))
    assert inference.welch_test(plain).is_significant
    lift = lifts.fieller_interval(plain, 1.96)
    assert np.isnan([lift.estimate, lift.lower, lift.upper]).all()
    assert lift.reason == Reason.ZERO_BASELINE
    assert contrasts.relative_by_delta(plain).reason == Reason.ZERO_BASELINE


def test_a_noisy_baseline_leaves_the_lift_unbounded() -> None:
    lift = lifts.fieller_interval(contrast((50, 0.1, 4.0), (50, 3.0, 4.0)), 1.96)
    assert lift.estimate == pytest.approx(29)
    assert np.isnan(lift.lower)
    assert reason_names(lift.reason) == "unbounded"


def test_a_negative_baseline_keeps_the_sign_of_the_change() -> None:
    """From -10 to -8 is +20 %: up is up."""
    plain = contrast((400, -10.0, 4.0), (400, -8.0, 4.0))
    mirror = contrast((400, 10.0, 4.0), (400, 8.0, 4.0))
    critical = tails.student_critical(0.025, plain.dof)
    lift, turned = (lifts.fieller_interval(c, critical) for c in (plain, mirror))
    assert lift.estimate == pytest.approx(0.2)
    assert 0 < lift.lower < lift.estimate < lift.upper
    assert lift.lower == pytest.approx(-float(turned.upper))
    delta = inference.welch_test(contrasts.relative_by_delta(plain))
    assert delta.lower == pytest.approx(float(lift.lower), rel=0.02)
    logged = lifts.log_ratio_interval(arm(400, -10, 4), arm(400, -8, 4))
    assert logged.lower < logged.estimate < logged.upper
    assert logged.lower == pytest.approx(float(lift.lower), rel=0.05)
    assert lifts.log_ratio_interval(arm(9, -1, 4), arm(9, 8, 4)).reason == (
        Reason.NEGATIVE_BASELINE
    )


@given(
    mean=st.tuples(st.floats(0.5, 100), st.floats(0.5, 100)),
    margin=st.floats(0, 0.5),
    alpha=st.sampled_from(LEVELS),
)
@settings(max_examples=100, deadline=None)
def test_non_inferiority_is_the_one_sided_fieller_bound(
    mean: tuple[float, float], margin: float, alpha: float
) -> None:
    plain = contrast((300, mean[0], 9.0), (200, mean[1], 4.0))
    critical = tails.student_critical(alpha, plain.dof)
    lift = lifts.fieller_interval(plain, critical)
    assume(lift.reason == Reason.NONE)
    assume(abs(lift.lower + margin) > 1e-9)
    found = inference.non_inferiority_test(plain, margin=margin, alpha=alpha)
    assert bool(found.is_significant) == bool(lift.lower > -margin)
    assert bool(found.is_significant) == bool(found.lower > 0)
    assert bool(found.is_significant) == bool(found.p_value < alpha)
    less = inference.non_inferiority_test(
        plain, margin=margin, alpha=alpha, direction=-1.0
    )
    assume(abs(lift.upper - margin) > 1e-9)
    assert bool(less.is_significant) == bool(lift.upper < margin)


def test_one_sided_tests_mirror_each_other() -> None:
    plain, turned = (
        contrast((40, 1.0, 2.0), (60, 1.4, 1.0)),
        contrast((40, -1.0, 2.0), (60, -1.4, 1.0)),
    )
    above = inference.superiority_test(plain)
    below = inference.inferiority_test(turned)
    assert above.p_value == below.p_value
    assert above.lower == -below.upper
    assert above.upper == -below.lower == np.inf
    both = inference.welch_test(plain)
    assert 2 * above.p_value == pytest.approx(float(both.p_value))


def test_wrong_levels_and_margins_are_refused() -> None:
    plain = contrast((40, 1.0, 2.0), (60, 1.4, 1.0))
    with pytest.raises(ValueError, match="alpha must lie strictly between 0 and 1"):
        inference.welch_test(plain, alpha=95)
    with pytest.raises(ValueError, match="must not be negative"):
        inference.non_inferiority_test(plain, margin=-0.1)


def test_whole_arrays_equal_one_by_one() -> None:
    rng = np.random.default_rng(3)
    n = rng.integers(0, 5, size=(4, 3, 2, 5)).astype(float) * 10
    shift = rng.normal(size=(4, 3, 2, 5, 4))
    some = sums.sums_of(n, yy=n * rng.uniform(0, 2, n.shape), shift=shift)
    control, treatment = contrasts.control_and_treatments(sums.moments_of(some))
    found = inference.welch_test(contrasts.mean_contrast(control, treatment))
    assert found.p_value.shape == (4, 3, 2, 4)
    for place in np.ndindex(4, 3, 2, 4):
        *leading, last = place
        picked = [
            sums.moments_of(
                sums.Sums(
                    *(
                        getattr(some, name)[(*leading, which)]
                        for name in ("count", "first", "second", "shift")
                    )
                )
            )
            for which in (0, last + 1)
        ]
        one = inference.welch_test(contrasts.mean_contrast(*picked))
        for name in ("estimate", "lower", "upper", "p_value", "reason"):
            np.testing.assert_allclose(
                getattr(found, name)[place], getattr(one, name), rtol=1e-12
            )
