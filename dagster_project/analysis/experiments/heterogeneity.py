"""Is the effect the same everywhere, in company, and over time?

Here belong Cochran's Q over slices, interactions of two tests that ran over the same
units, and the slope of the effect over days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from dagster_project.analysis.experiments.arrays import (
    CodeArray,
    FloatArray,
    floats,
    undefined_is_nan,
)
from dagster_project.analysis.experiments.reasons import Reason, first_reason
from dagster_project.analysis.experiments.sums import Moments, Y
from dagster_project.analysis.experiments.tails import two_sided_log_p


@dataclass(frozen=True)
class Heterogeneity:
    """Do effects differ by more than their errors? All (...).

    ``pooled`` the fixed-effect mean; ``q`` Cochran's statistic on ``dof`` degrees;
    ``i_squared`` the share of spread that is not noise, in [0, 1]. NaN with fewer
    than two effects.
    """

    pooled: FloatArray
    q: FloatArray
    dof: FloatArray
    p_value: FloatArray
    i_squared: FloatArray
    reason: CodeArray


def cochran_q(
    effects: npt.ArrayLike, variances: npt.ArrayLike, *, axis: int = -1
) -> Heterogeneity:
    """Cochran's test that independent effects along ``axis`` (slices) are equal.

    Q = sum w (e - mean)^2 with w = 1 / variance: Cochran (1954), Biometrics 10,
    101-129; I^2 = max(0, (Q - dof) / Q): Higgins & Thompson (2002). Effects without a
    variance (NaN) are left out.
    """
    seen, noise = np.broadcast_arrays(floats(effects), floats(variances))
    valid = np.isfinite(seen) & np.isfinite(noise) & (noise > 0)
    effect = np.where(valid, seen, 0.0)
    count = valid.sum(axis=axis)
    with undefined_is_nan():
        weight = np.where(valid, 1 / noise, 0.0)
        pooled = (weight * effect).sum(axis=axis) / weight.sum(axis=axis)
        apart = effect - np.expand_dims(pooled, axis)
        q = (weight * apart**2).sum(axis=axis)
        i_squared = np.where(q > 0, np.maximum((q - (count - 1)) / q, 0.0), 0.0)
    reason = first_reason((count < 2, Reason.TOO_FEW_UNITS))
    known = np.where(reason == Reason.NONE, 1.0, np.nan)
    dof = np.maximum(count - 1.0, 1.0)
    return Heterogeneity(
        pooled=pooled,
        q=q * known,
        dof=dof * known,
        p_value=special.gammaincc(dof / 2, q / 2) * known,
        i_squared=i_squared * known,
        reason=reason,
    )


@dataclass(frozen=True)
class Interaction:
    """How much two tests' arms add to each other beyond their sum.

    ``estimate``, ``std_error``, ``log_p``: (..., a - 1, b - 1), arm of the first test
    by arm of the second, against both controls, in the metric's unit. ``joint_p``
    (...) tests that all are 0. NaN where a cell has fewer than 2 units or no spread.
    """

    estimate: FloatArray
    std_error: FloatArray
    log_p: FloatArray
    joint_p: FloatArray


def interactions(cells: Moments) -> Interaction:
    """Interactions of two overlapping tests from the moments of their joint cells.

    ``cells`` (..., a, b): units by arm of the first and arm of the second test, control
    first. Estimate = (m_ij - m_0j) - (m_i0 - m_00); Wald's chi-squared over all of
    them with their full covariance, since they share cells. Kohavi, Tang & Xu (2020),
    Trustworthy Online Controlled Experiments, chapter 3, for why they are looked at.
    """
    mean = cells.mean[..., Y]
    with undefined_is_nan():
        noise = cells.covariance[..., Y, Y] / cells.count
    noise = np.where((cells.count >= 2) & (noise > 0), noise, np.nan)
    estimate = mean[..., 1:, 1:] - mean[..., :1, 1:] - mean[..., 1:, :1]
    estimate = estimate + mean[..., :1, :1]
    variance = noise[..., 1:, 1:] + noise[..., :1, 1:] + noise[..., 1:, :1]
    error = np.sqrt(variance + noise[..., :1, :1])
    with undefined_is_nan():
        log_p = two_sided_log_p(estimate / error, np.inf)
    return Interaction(estimate * (error / error), error, log_p, _joint_p(mean, noise))


def _joint_p(mean: FloatArray, noise: FloatArray) -> FloatArray:
    a, b = mean.shape[-2:]
    first = np.concatenate([-np.ones((a - 1, 1)), np.eye(a - 1)], axis=1)
    second = np.concatenate([-np.ones((b - 1, 1)), np.eye(b - 1)], axis=1)
    form = np.kron(first, second)
    flat, spread = (array.reshape(*array.shape[:-2], a * b) for array in (mean, noise))
    known = np.asarray(np.isfinite(flat + spread).all(axis=-1))
    flat = np.where(known[..., np.newaxis], flat, 0.0)
    spread = np.where(known[..., np.newaxis], spread, 1.0)
    value = flat @ form.T
    covariance = (form * spread[..., np.newaxis, :]) @ form.T
    solved = np.linalg.solve(covariance, value[..., np.newaxis])[..., 0]
    wald = (value * solved).sum(axis=-1)
    p = special.gammaincc(form.shape[0] / 2, wald / 2)
    return np.asarray(np.where(known, p, np.nan))


@dataclass(frozen=True)
class Slope:
    """Change of an effect per day, (...); NaN with a ``reason``.

    A negative slope of a positive effect speaks of novelty, a positive one of learning.
    """

    estimate: FloatArray
    std_error: FloatArray
    log_p: FloatArray
    reason: CodeArray


def novelty_slope(
    effects: npt.ArrayLike, variances: npt.ArrayLike, days: npt.ArrayLike
) -> Slope:
    """Weighted straight line through daily effects (..., days), weights 1 / variance.

    Pass effects of disjoint units or days (by day since exposure of a closed cohort,
    or by calendar day), not cumulative ones, which are not independent. Needs 3 days;
    the variances are taken as known.
    """
    seen, noise, time = np.broadcast_arrays(
        floats(effects), floats(variances), floats(days)
    )
    valid = np.isfinite(seen) & np.isfinite(noise) & (noise > 0)
    with undefined_is_nan():
        weight = np.where(valid, 1 / noise, 0.0)
        total = weight.sum(axis=-1, keepdims=True)
        effect = np.where(valid, seen, 0.0)
        centre = (weight * time).sum(axis=-1, keepdims=True) / total
        spread = (weight * (time - centre) ** 2).sum(axis=-1)
        slope = (weight * (time - centre) * effect).sum(axis=-1) / spread
        error = np.sqrt(1 / spread)
    reason = first_reason(
        (valid.sum(axis=-1) < 3, Reason.TOO_FEW_UNITS),
        (~(spread > 0), Reason.ZERO_VARIANCE),
    )
    known = np.where(reason == Reason.NONE, 1.0, np.nan)
    with undefined_is_nan():
        log_p = two_sided_log_p(slope / error * known, np.inf)
    return Slope(slope * known, error * known, log_p, reason)
