"""Covariate adjustment from sums alone.

Here belong CUPED with one slope for all arms, Lin's form with a slope per arm, and
CUPED of ratios. The slopes come from moments; the variances keep every covariance,
those with the unadjusted baseline included, so that relative effects are right too.
"""

from __future__ import annotations

import numpy as np

from dagster_project.analysis.experiments.arrays import FloatArray, undefined_is_nan
from dagster_project.analysis.experiments.contrasts import (
    ArmValue,
    Contrast,
    contrast_of,
    mean_value,
    ratio_value,
)
from dagster_project.analysis.experiments.sums import D, Moments, W, X, Y


def pooled_slope(arms: Moments) -> FloatArray:
    """CUPED's theta = Cov(y, x) / Var(x) over the units of all arms together.

    Shape (..., 1) from arms (..., arms); 0 where x has no spread, which makes the
    adjusted result the unadjusted one. Deng, Xu, Kohavi & Walker (2013), WSDM,
    equation 4, theta over the pooled arms.
    """
    n = np.where(arms.count >= 1, arms.count, 0.0)[..., np.newaxis]
    mean = np.where(n > 0, arms.mean, 0.0)
    covariance = np.where(n >= 2, arms.covariance[..., X], 0.0)
    with undefined_is_nan():
        centre = (n * mean).sum(axis=-2, keepdims=True) / n.sum(axis=-2, keepdims=True)
    apart = mean - centre
    between = n * apart * apart[..., X, np.newaxis]
    cross = ((n - 1) * covariance + between).sum(axis=-2, keepdims=True)
    return _slope(cross[..., Y], cross[..., X])


def _slope(cross: FloatArray, square: FloatArray) -> FloatArray:
    with undefined_is_nan():
        return np.where(square > 0, cross / square, 0.0)


def cuped_contrast(
    control: Moments, treatment: Moments, slope: FloatArray | None = None
) -> Contrast:
    """Difference of means adjusted by one slope: mean(y) - theta mean(x) per arm.

    The baseline is the unadjusted control mean, and its covariance with the adjusted
    difference is kept: without it relative intervals are wrong by a factor that grows
    with the correlation. ``slope`` as from ``pooled_slope`` over more arms; by default
    over these two. Deng et al. (2013), equation 3.
    """
    theta = _two_arm_slope(control, treatment) if slope is None else slope
    return contrast_of(
        control,
        treatment,
        _adjusted(control, theta),
        _adjusted(treatment, theta),
        baseline=mean_value(control),
    )


def _two_arm_slope(control: Moments, treatment: Moments) -> FloatArray:
    count, mean, covariance = (
        np.stack(
            np.broadcast_arrays(getattr(control, name), getattr(treatment, name)),
            axis=control.count.ndim,
        )
        for name in ("count", "mean", "covariance")
    )
    return pooled_slope(Moments(count, mean, covariance))[..., 0]


def _adjusted(arm: Moments, theta: FloatArray) -> ArmValue:
    gradient = np.zeros(np.broadcast_shapes(arm.mean.shape, (*theta.shape, 4)))
    gradient[..., Y] = 1.0
    gradient[..., X] = -theta
    return ArmValue(arm.mean[..., Y] - theta * arm.mean[..., X], gradient)


def lin_contrast(control: Moments, treatment: Moments) -> Contrast:
    """Difference adjusted with a slope per arm, around the covariate's overall mean.

    mean(y_a) - theta_a (mean(x_a) - mean(x)), the regression with interaction: Lin
    (2013), Annals of Applied Statistics 7, 295-318. The variance counts the spread of
    the overall mean, (theta_t - theta_c)^2 Var(x) / n, as for units drawn from a
    larger population: Negi & Wooldridge (2021), Econometric Reviews 40, 504-534. Never
    worse than ``cuped_contrast`` when arms are unequal.
    """
    slopes = [
        _slope(arm.covariance[..., Y, X], arm.covariance[..., X, X])
        for arm in (control, treatment)
    ]
    both = control.count + treatment.count
    with undefined_is_nan():
        shares = [control.count / both, treatment.count / both]
    centre = shares[0] * control.mean[..., X] + shares[1] * treatment.mean[..., X]
    apart = slopes[1] - slopes[0]
    values = []
    for arm, slope, share, side in zip(
        (control, treatment), slopes, shares, (-1.0, 1.0), strict=True
    ):
        gradient = np.zeros((*apart.shape, 4))
        gradient[..., Y] = 1.0
        # The overall mean moves with both arms: difference = ... + apart * mean(x).
        gradient[..., X] = -slope + side * apart * share
        value = arm.mean[..., Y] - slope * (arm.mean[..., X] - centre)
        values.append(ArmValue(value + 0 * apart, gradient))
    return contrast_of(
        control, treatment, values[0], values[1], baseline=mean_value(control)
    )


def pooled_ratio_slope(arms: Moments) -> FloatArray:
    """Slope of the linearised ratio before exposure, summed over all arms.

    theta = sum Cov(R_y, R_x) / sum Var(R_x) with R_y = y / d and R_x = x / w linearised
    around each arm's means; shape (..., 1), 0 where the ratio before has no spread or
    no denominator. Deng et al. (2013), appendix B.
    """
    cross, square = _ratio_parts(arms)
    return _slope(cross.sum(axis=-1, keepdims=True), square.sum(axis=-1, keepdims=True))


def ratio_cuped_contrast(
    control: Moments, treatment: Moments, slope: FloatArray | None = None
) -> Contrast:
    """Difference of y / d adjusted by theta times the ratio x / w before exposure.

    All ten second moments enter. Where x / w is undefined in an arm the adjustment is
    left out for that contrast. Deng et al. (2013), appendix B.
    """
    if slope is None:
        parts = [_ratio_parts(arm) for arm in (control, treatment)]
        slope = _slope(parts[0][0] + parts[1][0], parts[0][1] + parts[1][1])
    usable = (control.mean[..., W] != 0) & (treatment.mean[..., W] != 0)
    theta = np.where(usable, slope, 0.0)
    return contrast_of(
        control,
        treatment,
        _adjusted_ratio(control, theta),
        _adjusted_ratio(treatment, theta),
        baseline=ratio_value(control),
    )


def _ratio_parts(arm: Moments) -> tuple[FloatArray, FloatArray]:
    """Covariance of the linearised ratios after and before, and variance before."""
    after, before = ratio_value(arm), ratio_value(arm, X, W)
    cross, square = (
        np.einsum("...i,...ij,...j->...", left, arm.covariance, before.gradient)
        for left in (after.gradient, before.gradient)
    )
    return np.nan_to_num(cross), np.nan_to_num(square)


def _adjusted_ratio(arm: Moments, theta: FloatArray) -> ArmValue:
    after, before = ratio_value(arm, Y, D), ratio_value(arm, X, W)
    weight = theta[..., np.newaxis]
    # Where theta is 0 the ratio before may be undefined: 0 x NaN must stay 0.
    with undefined_is_nan():
        value = after.value - np.where(theta == 0, 0.0, theta * before.value)
        gradient = after.gradient - np.where(weight == 0, 0.0, weight * before.gradient)
    return ArmValue(value, gradient)
