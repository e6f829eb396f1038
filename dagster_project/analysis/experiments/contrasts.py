"""Two arms made one contrast: a difference and a baseline with their covariance.

Here belong the estimators whose value is a smooth function of the four means of an
arm: means, proportions and ratios. Covariate adjustment is in ``cuped``, strata are
in ``stratification``, tests and intervals in ``inference``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dagster_project.analysis.experiments.arrays import (
    CodeArray,
    FloatArray,
    floats,
    undefined_is_nan,
)
from dagster_project.analysis.experiments.reasons import Reason, first_reason
from dagster_project.analysis.experiments.sums import D, Moments, Y


@dataclass(frozen=True)
class Contrast:
    """Treatment minus control and the control's own level, jointly normal.

    All of one shape (...). ``difference`` and ``baseline`` in the metric's unit;
    ``variance``, ``baseline_variance`` and ``covariance`` (of difference and baseline)
    are sampling variances; ``dof`` Welch's degrees of freedom (inf: normal); ``units``
    the units of both arms. Where ``reason`` is not 0 variances and dof are NaN; the
    difference stands as long as both arms have units.
    """

    difference: FloatArray
    variance: FloatArray
    baseline: FloatArray
    baseline_variance: FloatArray
    covariance: FloatArray
    dof: FloatArray
    units: FloatArray
    reason: CodeArray


@dataclass(frozen=True)
class ArmValue:
    """A function of an arm's four means: value (...) and gradient (..., 4)."""

    value: FloatArray
    gradient: FloatArray


def control_and_treatments(moments: Moments) -> tuple[Moments, Moments]:
    """Split the arms: (..., 1) of arm 0 and (..., arms - 1) of the others."""
    return moments.arms(slice(0, 1)), moments.arms(slice(1, None))


def variance_of(moments: Moments, left: FloatArray, right: FloatArray) -> FloatArray:
    """Sampling covariance of two linear forms of an arm's means: l' Sigma r / n."""
    with undefined_is_nan():
        form = np.einsum("...i,...ij,...j->...", left, moments.covariance, right)
        return np.asarray(form / moments.count)


def mean_value(moments: Moments) -> ArmValue:
    """Mean of y per unit."""
    gradient = np.zeros_like(moments.mean)
    gradient[..., Y] = 1.0
    return ArmValue(moments.mean[..., Y], gradient)


def ratio_value(moments: Moments, top: int = Y, bottom: int = D) -> ArmValue:
    """Sum of one variable over the sum of another, by the delta method.

    R = m_y / m_d, gradient (1 / m_d, -m_y / m_d^2): Deng, Knoblich & Lu (2018), KDD,
    equation 3. NaN where the denominator's mean is 0.
    """
    with undefined_is_nan():
        below = np.where(moments.mean[..., bottom] == 0, np.nan, 1.0)
        inverse = below / moments.mean[..., bottom]
        ratio = moments.mean[..., top] * inverse
    gradient = np.zeros_like(moments.mean)
    gradient[..., top] = inverse
    gradient[..., bottom] = -ratio * inverse
    return ArmValue(ratio, gradient)


def contrast_of(
    control: Moments,
    treatment: Moments,
    control_value: ArmValue,
    treatment_value: ArmValue,
    baseline: ArmValue | None = None,
) -> Contrast:
    """Contrast of two arms by the delta method on their means.

    ``baseline`` is the level that relative effects refer to, by default the control's
    own value. Welch-Satterthwaite degrees of freedom from the two arms' variances.
    """
    level = control_value if baseline is None else baseline
    ours = variance_of(treatment, treatment_value.gradient, treatment_value.gradient)
    theirs = variance_of(control, control_value.gradient, control_value.gradient)
    # Two arms without a value have no difference: that of two infinities is none.
    with np.errstate(invalid="ignore"):
        difference = treatment_value.value - control_value.value
    return assembled(
        difference=difference,
        variances=(theirs, ours),
        counts=(control.count, treatment.count),
        baseline=level.value,
        baseline_variance=variance_of(control, level.gradient, level.gradient),
        covariance=-variance_of(control, control_value.gradient, level.gradient),
    )


def assembled(
    *,
    difference: FloatArray,
    variances: tuple[FloatArray, FloatArray],
    counts: tuple[FloatArray, FloatArray],
    baseline: FloatArray,
    baseline_variance: FloatArray,
    covariance: FloatArray,
) -> Contrast:
    """Put a contrast together, with its degrees of freedom and reason.

    ``variances`` and ``counts`` are (control, treatment). An arm without spread has no
    usable variance: its mean would count as known exactly.
    """
    (below, above), (n_below, n_above) = variances, counts
    with undefined_is_nan():
        both = below + above
        dof = both**2 / (below**2 / (n_below - 1) + above**2 / (n_above - 1))
    empty = np.minimum(n_below, n_above)
    reason = first_reason(
        (empty <= 0, Reason.EMPTY_ARM),
        (np.isnan(difference) | np.isnan(baseline), Reason.ZERO_DENOMINATOR),
        (empty < 2, Reason.TOO_FEW_UNITS),
        ((below <= 0) | (above <= 0), Reason.ZERO_VARIANCE),
        (~np.isfinite(both) | ~np.isfinite(dof), Reason.NOT_FINITE),
    )
    known = np.where(reason == Reason.NONE, 1.0, np.nan)
    return Contrast(
        difference=np.where(np.isfinite(difference), difference, np.nan),
        variance=both * known,
        baseline=baseline + 0 * difference,
        baseline_variance=baseline_variance * known,
        covariance=covariance * known,
        dof=dof * known,
        units=n_below + n_above,
        reason=reason,
    )


def mean_contrast(control: Moments, treatment: Moments) -> Contrast:
    """Difference of means per unit (Welch 1947, Biometrika 34, 28-35)."""
    return contrast_of(control, treatment, mean_value(control), mean_value(treatment))


def ratio_contrast(control: Moments, treatment: Moments) -> Contrast:
    """Difference of ratios of sums, units the independent ones (Deng et al. 2018)."""
    return contrast_of(control, treatment, ratio_value(control), ratio_value(treatment))


def proportion_contrast(
    control_count: npt.ArrayLike,
    control_hits: npt.ArrayLike,
    treatment_count: npt.ArrayLike,
    treatment_hits: npt.ArrayLike,
) -> Contrast:
    """Difference of two proportions, each with variance p (1 - p) / n.

    Raises ``ValueError`` when hits are negative or exceed the units.
    """
    n_c, x_c, n_t, x_t = np.broadcast_arrays(
        *map(floats, (control_count, control_hits, treatment_count, treatment_hits))
    )
    if np.any((x_c < 0) | (x_c > n_c) | (x_t < 0) | (x_t > n_t)):
        raise ValueError("hits must lie between 0 and the units of their arm")
    with undefined_is_nan():
        p_c, p_t = x_c / n_c, x_t / n_t
        below, above = p_c * (1 - p_c) / n_c, p_t * (1 - p_t) / n_t
    return assembled(
        difference=p_t - p_c,
        variances=(below, above),
        counts=(n_c, n_t),
        baseline=p_c,
        baseline_variance=below,
        covariance=-below,
    )


def relative_by_delta(
    contrast: Contrast, *, expanded_at: npt.ArrayLike | None = None
) -> Contrast:
    """The lift, difference / |baseline|, as a contrast of its own (delta method).

    var = (V - 2 r C + r^2 B) / b^2 with r = difference / b; for plain means it is
    var_t / c^2 + var_c t^2 / c^4. The sign follows the difference also below zero.
    ``expanded_at`` is the r of the variance where it is not the estimate: for an
    adjusted difference the unadjusted ratio serves as well, since randomisation makes
    the adjustment 0 on average. Without a baseline (0) the reason is
    ``ZERO_BASELINE``. ``inference`` gives Fieller's interval, which agrees with the
    absolute test; this one need not.
    """
    base = np.where(contrast.baseline == 0, np.nan, contrast.baseline)
    with undefined_is_nan():
        ratio = contrast.difference / base
        at = ratio if expanded_at is None else floats(expanded_at)
        variance = (
            contrast.variance
            - 2 * at * contrast.covariance
            + at**2 * contrast.baseline_variance
        ) / base**2
    reason = np.where(
        (contrast.reason == Reason.NONE) & np.isnan(base),
        np.int8(Reason.ZERO_BASELINE),
        contrast.reason,
    )
    known = np.where(reason == Reason.NONE, 1.0, np.nan)
    return Contrast(
        difference=ratio * np.sign(base),
        variance=variance * known,
        baseline=np.ones_like(ratio),
        baseline_variance=np.zeros_like(ratio),
        covariance=np.zeros_like(ratio),
        dof=contrast.dof * known,
        units=contrast.units,
        reason=reason.astype(np.int8),
    )
