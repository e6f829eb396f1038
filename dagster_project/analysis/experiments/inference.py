"""Tests and intervals of a contrast, which never contradict each other.

Here belong Welch's test, one-sided and non-inferiority tests. The p-value is the one
judge: a flag is p < alpha, and an interval that rounding (or another construction)
puts on the other side of the null is moved to the null. Here do not belong intervals
of the relative effect (``lifts``), proportions' own tests, nor the critical values of
sequential looks: any critical value can be passed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dagster_project.analysis.experiments.arrays import (
    BoolArray,
    CodeArray,
    FloatArray,
    check_share,
    floats,
    undefined_is_nan,
)
from dagster_project.analysis.experiments.contrasts import Contrast
from dagster_project.analysis.experiments.tails import (
    log_student_tail,
    student_critical,
    two_sided_log_p,
)

# What stands for "just above the null": the least number that is not denormal.
_LEAST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Estimate:
    """An effect with interval, test and reason, all of one shape (...).

    ``estimate``, ``lower``, ``upper``, ``std_error`` in the unit of the effect;
    ``p_value`` is 0 below 1e-308, ``log_p`` (natural log) never is. All but
    ``estimate`` are NaN and ``is_significant`` False where ``reason`` is not 0.
    ``is_significant`` holds exactly where p < alpha and exactly where the null lies
    outside [lower, upper]. A one-sided interval has an infinite bound.
    """

    estimate: FloatArray
    lower: FloatArray
    upper: FloatArray
    std_error: FloatArray
    statistic: FloatArray
    dof: FloatArray
    p_value: FloatArray
    log_p: FloatArray
    is_significant: BoolArray
    reason: CodeArray


def welch_test(contrast: Contrast, *, alpha: npt.ArrayLike = 0.05) -> Estimate:
    """Two-sided test of no difference with its interval at level 1 - ``alpha``.

    p = 2 P(T > |t|) with Welch-Satterthwaite degrees of freedom (Welch 1947). Raises
    ``ValueError`` for an ``alpha`` outside (0, 1).
    """
    check_share("alpha", alpha)
    critical = student_critical(floats(alpha) / 2, contrast.dof)
    return judged(contrast, critical, log_alpha=np.log(floats(alpha)))


def judged(
    contrast: Contrast,
    critical: npt.ArrayLike,
    *,
    log_alpha: npt.ArrayLike,
    log_p: FloatArray | None = None,
) -> Estimate:
    """Two-sided test at a given critical value, as a sequential look has it.

    ``critical`` multiplies the standard error; ``log_alpha`` is the natural log of the
    nominal level that belongs to it; ``log_p`` saves computing it again. Infinite
    ``critical``: the interval is infinite and nothing is significant.
    """
    error = np.sqrt(contrast.variance)
    with undefined_is_nan():
        statistic = contrast.difference / error
        reach = floats(critical) * error
    if log_p is None:
        log_p = two_sided_log_p(statistic, contrast.dof)
    flag = log_p < floats(log_alpha)
    interval = reconciled(
        contrast.difference - reach, contrast.difference + reach, flag, statistic
    )
    return _estimate(contrast, interval, statistic, log_p, flag)


def _estimate(
    contrast: Contrast,
    interval: tuple[FloatArray, FloatArray],
    statistic: FloatArray,
    log_p: FloatArray,
    flag: BoolArray,
) -> Estimate:
    lower, upper = interval
    return Estimate(
        estimate=contrast.difference,
        lower=lower,
        upper=upper,
        std_error=np.sqrt(contrast.variance),
        statistic=statistic,
        dof=contrast.dof,
        p_value=np.exp(log_p),
        log_p=log_p,
        is_significant=flag,
        reason=contrast.reason,
    )


def reconciled(
    lower: FloatArray, upper: FloatArray, flag: BoolArray, direction: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Bounds on the side of 0 where the test puts them.

    Where the test does not reject, 0 belongs to the interval; where it rejects in
    ``direction`` (a signed number), values on the other side are rejected with it and
    0 itself is left out by the least positive number. The set of effects that neither
    test nor interval refuses: coverage at 0 is the test's.
    """
    sign = np.sign(floats(direction))
    low = np.where(flag, lower, np.minimum(lower, 0.0))
    high = np.where(flag, upper, np.maximum(upper, 0.0))
    low = np.where(flag & (sign > 0), np.maximum(low, _LEAST), low)
    high = np.where(flag & (sign < 0), np.minimum(high, -_LEAST), high)
    missing = np.isnan(lower) | np.isnan(upper)
    return np.where(missing, np.nan, low), np.where(missing, np.nan, high)


def superiority_test(
    contrast: Contrast, *, alpha: npt.ArrayLike = 0.05, null: npt.ArrayLike = 0.0
) -> Estimate:
    """One-sided test that the difference is greater than ``null``.

    p = P(T > t); interval [lower, inf) at level 1 - ``alpha``. ``is_significant``
    holds where p < alpha, exactly where ``lower`` exceeds ``null``.
    """
    check_share("alpha", alpha)
    bound = floats(null) + 0 * contrast.difference
    error = np.sqrt(contrast.variance)
    with undefined_is_nan():
        statistic = (contrast.difference - bound) / error
        reach = student_critical(alpha, contrast.dof) * error
    log_p = log_student_tail(statistic, contrast.dof)
    flag = log_p < np.log(floats(alpha))
    lower = contrast.difference - reach
    lower = np.where(
        flag, np.maximum(lower, np.nextafter(bound, np.inf)), np.minimum(lower, bound)
    )
    known = np.where(np.isnan(error), np.nan, 1.0)
    interval = lower * known, np.inf * known
    return _estimate(contrast, interval, statistic, log_p, flag)


def inferiority_test(
    contrast: Contrast, *, alpha: npt.ArrayLike = 0.05, null: npt.ArrayLike = 0.0
) -> Estimate:
    """One-sided test that the difference is less than ``null``.

    The mirror of ``superiority_test``: interval (-inf, upper].
    """
    turned = superiority_test(mirrored(contrast), alpha=alpha, null=-floats(null))
    return replace(
        turned,
        estimate=-turned.estimate,
        lower=-turned.upper,
        upper=-turned.lower,
        statistic=-turned.statistic,
    )


def mirrored(contrast: Contrast, direction: npt.ArrayLike = -1.0) -> Contrast:
    """The contrast with differences times ``direction``: +1, or -1 where less is good.

    The baseline keeps its sign, so that relative margins keep their meaning.
    """
    sign = floats(direction)
    return replace(
        contrast,
        difference=contrast.difference * sign,
        covariance=contrast.covariance * sign,
    )


def against_relative_margin(contrast: Contrast, margin: npt.ArrayLike) -> Contrast:
    """Contrast of difference + margin x |baseline|, whose null is harm by ``margin``.

    ``margin`` is a share of the baseline, at least 0; larger is better (turn the
    contrast with ``mirrored`` first where less is good). The form is linear in the two
    means, so the test has no delta-method error: Fieller (1954), JRSS B 16, 175-185.
    Raises ``ValueError`` for a negative margin.
    """
    share = floats(margin)
    if np.any(share < 0):
        raise ValueError(f"a non-inferiority margin must not be negative: {share}")
    slope = share * np.sign(contrast.baseline)
    variance = (
        contrast.variance
        + 2 * slope * contrast.covariance
        + slope**2 * contrast.baseline_variance
    )
    return replace(
        contrast,
        difference=contrast.difference + slope * contrast.baseline,
        variance=variance,
        covariance=contrast.covariance + slope * contrast.baseline_variance,
    )


def non_inferiority_test(
    contrast: Contrast,
    *,
    margin: npt.ArrayLike,
    alpha: npt.ArrayLike = 0.05,
    direction: npt.ArrayLike = 1.0,
) -> Estimate:
    """One-sided test that the treatment is not worse by ``margin`` x |baseline|.

    ``direction`` +1 where more is good, -1 where less is. ``estimate`` and ``lower``
    are the distance to the margin in the metric's unit, good side positive; the
    treatment is non-inferior where ``is_significant``. Schultzberg et al. (2024),
    arXiv:2402.11609, section 3.
    """
    turned = mirrored(contrast, direction)
    return superiority_test(against_relative_margin(turned, margin), alpha=alpha)
