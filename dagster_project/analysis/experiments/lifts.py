"""Intervals of the relative effect.

Here belong Fieller's interval, which agrees with the absolute test, and the log-ratio
interval. The delta method's lift is a contrast of its own (``contrasts``).
"""

from __future__ import annotations

from dataclasses import dataclass

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
from dagster_project.analysis.experiments.contrasts import Contrast, mean_contrast
from dagster_project.analysis.experiments.inference import reconciled
from dagster_project.analysis.experiments.reasons import Reason
from dagster_project.analysis.experiments.sums import Moments, Y
from dagster_project.analysis.experiments.tails import student_critical


@dataclass(frozen=True)
class Interval:
    """Bounds of a relative effect (...); NaN where ``reason`` is not 0."""

    estimate: FloatArray
    lower: FloatArray
    upper: FloatArray
    reason: CodeArray


def fieller_interval(
    contrast: Contrast,
    critical: npt.ArrayLike,
    *,
    is_significant: BoolArray | None = None,
) -> Interval:
    """Interval of the lift, difference / |baseline|, at any critical value.

    Roots of (difference - r b)^2 = c^2 (V - 2 r C + r^2 B): Fieller (1954). It leaves
    out 0 exactly when |difference| > c sqrt(V), so it agrees with the absolute test;
    ``is_significant`` settles the rounding at the edge. Where the baseline is not
    significant itself the set is unbounded: bounds NaN, reason ``UNBOUNDED``.
    """
    scale = floats(critical) ** 2
    base = contrast.baseline
    with undefined_is_nan():
        a = base**2 - scale * contrast.baseline_variance
        half_b = contrast.difference * base - scale * contrast.covariance
        c = contrast.difference**2 - scale * contrast.variance
        root = np.sqrt(np.maximum(half_b**2 - a * c, 0.0))
        far = half_b + np.where(half_b < 0, -root, root)
        # Two stable forms of the roots; both are 0 where the difference and c are.
        one, two = far / a, np.where(far == 0, 0.0, c / far)
        estimate = contrast.difference / np.abs(base)
    sign = np.sign(base)
    bounded = (a > 0) & np.isfinite(scale)
    low = np.where(bounded, np.minimum(one * sign, two * sign), np.nan)
    high = np.where(bounded, np.maximum(one * sign, two * sign), np.nan)
    if is_significant is not None:
        low, high = reconciled(low, high, is_significant, estimate)
    return Interval(
        np.where(base == 0, np.nan, estimate), low, high, _reason(contrast, bounded)
    )


def _reason(contrast: Contrast, bounded: BoolArray) -> CodeArray:
    unbounded = np.where(
        contrast.baseline == 0, np.int8(Reason.ZERO_BASELINE), np.int8(Reason.UNBOUNDED)
    )
    wrong = (contrast.reason == Reason.NONE) & ~bounded
    return np.where(wrong, unbounded, contrast.reason).astype(np.int8)


def log_ratio_interval(
    control: Moments, treatment: Moments, *, alpha: npt.ArrayLike = 0.05
) -> Interval:
    """Interval of the lift of means by the delta method on log(treatment / control).

    exp(log ratio -+ t se) - 1 with se^2 = v_t / t^2 + v_c / c^2 and Welch's degrees of
    freedom of those two terms. Null with reason ``NEGATIVE_BASELINE`` unless both means
    share a sign, else with the reason of the means' contrast.
    """
    check_share("alpha", alpha)
    plain = mean_contrast(control, treatment)
    base, ours = control.mean[..., Y], treatment.mean[..., Y]
    with undefined_is_nan():
        below, above = (
            arm.covariance[..., Y, Y] / arm.count / arm.mean[..., Y] ** 2
            for arm in (control, treatment)
        )
        dof = (below + above) ** 2 / (
            below**2 / (control.count - 1) + above**2 / (treatment.count - 1)
        )
        centre = np.log(np.where(ours * base > 0, ours / base, np.nan))
        reach = student_critical(floats(alpha) / 2, dof) * np.sqrt(below + above)
        estimate = (ours - base) / np.abs(np.where(base == 0, np.nan, base))
    wrong = (plain.reason == Reason.NONE) & ~(ours * base > 0)
    reason = np.where(wrong, np.int8(Reason.NEGATIVE_BASELINE), plain.reason)
    known = np.where(reason == Reason.NONE, 1.0, np.nan)
    low, high = np.expm1(centre - reach) * known, np.expm1(centre + reach) * known
    # |base| in the denominator: below zero the lift's sign turns, and so do the ends.
    lower, upper = np.where(base < 0, -high, low), np.where(base < 0, -low, high)
    return Interval(estimate, lower, upper, reason.astype(np.int8))
