"""Strata put together after the fact.

Here belong the weighted sum of strata's contrasts and the regression that gives one
stratum's contrast under a common slope. Strata are one axis of the contrasts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from dagster_project.analysis.experiments.arrays import (
    BoolArray,
    CodeArray,
    FloatArray,
    undefined_is_nan,
)
from dagster_project.analysis.experiments.contrasts import (
    ArmValue,
    Contrast,
    contrast_of,
)
from dagster_project.analysis.experiments.reasons import Reason, first_reason
from dagster_project.analysis.experiments.sums import D, Moments, X, Y


def post_stratified(strata: Contrast, *, axis: int = -1) -> Contrast:
    """One contrast from the contrasts of all strata along ``axis``.

    Differences and baselines are weighted by the strata's shares of units, both arms
    together. The variance is the weighted one plus that of the shares themselves,
    which are multinomial: Miratrix, Sekhon & Yu (2013), JRSS B 75, 369-396. Strata
    without units carry weight 0; a stratum with units but without a variance makes the
    whole undefined, with the reason of the first such stratum. Degrees of freedom are
    Satterthwaite's over the strata.
    """
    column = {
        field.name: np.moveaxis(np.asarray(getattr(strata, field.name)), axis, -1)
        for field in fields(Contrast)
    }
    whole = column["units"].sum(axis=-1)
    with undefined_is_nan():
        share = column["units"] / whole[..., np.newaxis]
    used = share > 0
    reason = _strata_reason(column["reason"], used)
    known = np.where(reason == Reason.NONE, 1.0, np.nan)

    def summed(name: str, power: int) -> FloatArray:
        terms = np.where(used, share**power * column[name], 0.0)
        return np.asarray(terms.sum(axis=-1))

    level = {name: summed(name, 1) for name in ("difference", "baseline")}
    apart = {name: column[name] - level[name][..., np.newaxis] for name in level}

    def spread(left: str, right: str) -> FloatArray:
        """Multinomial covariance of the shares' part in two levels."""
        terms = np.where(used, share * apart[left] * apart[right], 0.0)
        return np.asarray(terms.sum(axis=-1) / np.where(whole > 0, whole, np.nan))

    return Contrast(
        difference=level["difference"],
        variance=known * (summed("variance", 2) + spread("difference", "difference")),
        baseline=level["baseline"],
        baseline_variance=known
        * (summed("baseline_variance", 2) + spread("baseline", "baseline")),
        covariance=known * (summed("covariance", 2) + spread("difference", "baseline")),
        dof=known * _strata_dof(column["variance"], column["dof"], share),
        units=whole,
        reason=reason,
    )


def stratified_contrast(
    control: Moments, treatment: Moments, *, is_ratio: npt.ArrayLike, axis: int
) -> Contrast:
    """Post-stratified contrast of means or ratios from the moments of all strata.

    Strata lie along ``axis``, counted among the axes of ``count``. A ratio is that of
    the weighted sums, sum w m_y / sum w m_d, linearised in each stratum: ratios of
    strata are not averaged. Without adjustment by covariates.
    """
    units = control.count + treatment.count
    with undefined_is_nan():
        share = units / units.sum(axis=axis, keepdims=True)
    ours, theirs = (
        _stratum_value(arm, share, np.asarray(is_ratio, dtype=np.bool_), axis)
        for arm in (treatment, control)
    )
    return post_stratified(contrast_of(control, treatment, theirs, ours), axis=axis)


def _stratum_value(
    arm: Moments, share: FloatArray, is_ratio: npt.NDArray[np.bool_], axis: int
) -> ArmValue:
    """What each stratum counts as, so that the weighted sum is the arm's level."""

    def weighted(variable: int) -> FloatArray:
        parts = np.where(share > 0, share * arm.mean[..., variable], 0.0)
        return np.asarray(parts.sum(axis=axis, keepdims=True))

    with undefined_is_nan():
        below = weighted(D)
        inverse = np.where(is_ratio, 1 / np.where(below == 0, np.nan, below), 1.0)
        ratio = np.where(is_ratio, weighted(Y) * inverse, 0.0)
        apart = arm.mean[..., Y] - ratio * arm.mean[..., D]
        value = ratio + apart * inverse
    gradient = np.zeros((*value.shape, 4))
    gradient[..., Y] = inverse
    gradient[..., D] = -ratio * inverse
    return ArmValue(value, gradient)


def _strata_dof(variance: FloatArray, dof: FloatArray, share: FloatArray) -> FloatArray:
    """Satterthwaite's degrees of freedom of the weighted sum."""
    parts = np.where(share > 0, share**2 * variance, 0.0)
    with undefined_is_nan():
        terms = np.where(share > 0, parts**2 / dof, 0.0)
        return np.asarray(parts.sum(axis=-1) ** 2 / terms.sum(axis=-1))


def _strata_reason(reasons: CodeArray, used: BoolArray) -> CodeArray:
    wrong = used & (reasons != Reason.NONE)
    first = np.argmax(wrong, axis=-1)
    found = np.take_along_axis(reasons, first[..., np.newaxis], axis=-1)[..., 0]
    code = np.where(wrong.any(axis=-1), found, np.int8(Reason.NONE))
    empty = ~used.any(axis=-1)
    return np.where(empty, np.int8(Reason.EMPTY_ARM), code).astype(np.int8)


def ancova_contrast(control: Moments, treatment: Moments) -> Contrast:
    """One stratum's contrast by the regression of y on the arm and x, common slope.

    The baseline is the control's mean at the stratum's mean of x, whose own sampling
    variance is counted; errors share one variance (denominator n - 3). Without spread
    of x in an arm the slope is 0. Ordinary least squares from sums; the variance of the
    baseline as in Miratrix et al. (2013) with an estimated covariate mean.
    """
    n_c, n_t = control.count, treatment.count
    both = n_c + n_t
    fit = _common_slope(control, treatment)
    with undefined_is_nan():
        gap = treatment.mean[..., X] - control.mean[..., X]
        below = n_t / both * gap
        spread = (fit.square + n_c * below * gap) / (both - 1) / both
        moved = (fit.slope**2 + fit.error * fit.inverse) * np.where(
            fit.inverse > 0, spread, 0.0
        )
    level = treatment.mean[..., Y] - control.mean[..., Y]
    least = np.minimum(n_c, n_t)
    reason = first_reason(
        (least <= 0, Reason.EMPTY_ARM),
        ((least < 2) | (both < 4), Reason.TOO_FEW_UNITS),
        (~(fit.error > 0), Reason.ZERO_VARIANCE),
    )
    error = np.where(reason == Reason.NONE, fit.error, np.nan)
    with undefined_is_nan():
        return Contrast(
            difference=level - fit.slope * gap,
            variance=error * (1 / n_c + 1 / n_t + gap**2 * fit.inverse),
            baseline=control.mean[..., Y] + fit.slope * below,
            baseline_variance=error * (1 / n_c + below**2 * fit.inverse) + moved,
            covariance=-error * (1 / n_c + gap * below * fit.inverse),
            dof=fit.dof + 0 * error,
            units=both,
            reason=reason,
        )


@dataclass(frozen=True)
class _Fit:
    """Slope within arms, the error variance, x's centred square and its inverse."""

    slope: FloatArray
    error: FloatArray
    square: FloatArray
    inverse: FloatArray
    dof: FloatArray


def _common_slope(control: Moments, treatment: Moments) -> _Fit:
    within = _within(control) + _within(treatment)
    usable = (control.covariance[..., X, X] > 0) & (treatment.covariance[..., X, X] > 0)
    dof = control.count + treatment.count - 2 - usable
    with undefined_is_nan():
        inverse = np.where(usable, 1 / within[..., 2], 0.0)
        slope = within[..., 1] * inverse
        error = (within[..., 0] - slope * within[..., 1]) / dof
    return _Fit(slope, error, within[..., 2], inverse, dof)


def _within(arm: Moments) -> FloatArray:
    """Centred sums of y^2, y x and x^2 of one arm, shape (..., 3)."""
    pairs = arm.covariance[..., [Y, Y, X], [Y, X, X]]
    return np.asarray(pairs * (arm.count - 1)[..., np.newaxis])
