"""Is the effect of a test the same whatever another test shows to the same units?

Here belongs the contrast of contrasts over the joint cells of two tests, and the test
that all of a pair are 0 together. Which pairs there are is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from dagster_project.analysis.experiments.arrays import (
    CodeArray,
    FloatArray,
    undefined_is_nan,
)
from dagster_project.analysis.experiments.contrasts import (
    Contrast,
    mean_value,
    ratio_value,
    variance_of,
)
from dagster_project.analysis.experiments.reasons import Reason, first_reason
from dagster_project.analysis.experiments.sums import Moments


@dataclass(frozen=True)
class Interaction:
    """How much two tests' arms add to each other beyond their sum.

    ``contrast`` (..., a - 1, b - 1), arm of the first test by arm of the second, in the
    metric's unit: its ``baseline`` is the effect of the first test's arm on units of
    the second one's control, its ``difference`` what is added to that effect on units
    of the second one's arm. ``joint_p`` (...) tests that all are 0, NaN where a cell
    has fewer than 2 units or no spread.
    """

    contrast: Contrast
    joint_p: FloatArray


def interactions(cells: Moments, *, is_ratio: npt.ArrayLike = False) -> Interaction:
    """Interactions of two overlapping tests from the moments of their joint cells.

    ``cells`` (..., a, b): units by arm of the first and arm of the second test, control
    first; ``is_ratio`` (...) where a level is a ratio of sums (delta method), not a
    mean. Estimate = (m_ij - m_0j) - (m_i0 - m_00) with variance the sum of the four
    s^2 / n: the interaction of a saturated regression with HC2 errors. Degrees of
    freedom are Satterthwaite's (1946, Biometrics Bulletin 2, 110-114) over the four
    cells. Wald's chi-squared over all of a pair takes their full covariance, since they
    share cells. Kohavi, Tang & Xu (2020), Trustworthy Online Controlled Experiments,
    chapter 3, for why they are looked at.
    """
    level, noise = _levels(cells, np.asarray(is_ratio, dtype=np.bool_))
    reason = _reason(cells.count, level, noise)
    corners, theirs = _corners(level), _corners(noise)
    sizes = _corners(cells.count)
    variance = sum(theirs, np.float64(0.0))
    with undefined_is_nan():
        squares = [v**2 / (n - 1) for v, n in zip(theirs, sizes, strict=True)]
        dof = variance**2 / sum(squares, np.float64(0.0))
    both, second, first, neither = corners
    alone = first - neither
    known = np.where(reason == Reason.NONE, 1.0, np.nan)
    base_variance = (theirs[2] + theirs[3]) * known
    contrast = Contrast(
        difference=both - second - alone,
        variance=variance * known,
        baseline=alone + 0 * both,
        baseline_variance=base_variance,
        covariance=-base_variance,
        dof=dof * known,
        units=np.asarray(sum(sizes, np.float64(0.0))),
        reason=reason,
    )
    return Interaction(contrast, _joint_p(level, noise))


def _levels(
    cells: Moments, is_ratio: npt.NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Level of each cell and the sampling variance of it."""
    plain, divided = mean_value(cells), ratio_value(cells)
    chosen = is_ratio[..., np.newaxis, np.newaxis]
    level = np.where(chosen, divided.value, plain.value)
    gradient = np.where(chosen[..., np.newaxis], divided.gradient, plain.gradient)
    return level, variance_of(cells, gradient, gradient)


def _corners(
    values: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """The four cells of each pair of arms: both, the second alone, the first, none."""
    shape = (*values.shape[:-2], values.shape[-2] - 1, values.shape[-1] - 1)
    parts = (
        values[..., 1:, 1:],
        values[..., :1, 1:],
        values[..., 1:, :1],
        values[..., :1, :1],
    )
    both, second, first, neither = (np.broadcast_to(part, shape) for part in parts)
    return both, second, first, neither


def _reason(count: FloatArray, level: FloatArray, noise: FloatArray) -> CodeArray:
    least = np.minimum.reduce(_corners(count))
    levels = np.add.reduce(_corners(level))
    smallest = np.minimum.reduce(_corners(noise))
    return first_reason(
        (least <= 0, Reason.EMPTY_ARM),
        (np.isnan(levels), Reason.ZERO_DENOMINATOR),
        (least < 2, Reason.TOO_FEW_UNITS),
        (smallest <= 0, Reason.ZERO_VARIANCE),
        (~np.isfinite(smallest), Reason.NOT_FINITE),
    )


def _joint_p(level: FloatArray, noise: FloatArray) -> FloatArray:
    a, b = level.shape[-2:]
    first = np.concatenate([-np.ones((a - 1, 1)), np.eye(a - 1)], axis=1)
    second = np.concatenate([-np.ones((b - 1, 1)), np.eye(b - 1)], axis=1)
    form = np.kron(first, second)
    flat, spread = (array.reshape(*array.shape[:-2], a * b) for array in (level, noise))
    known = np.asarray((np.isfinite(flat + spread) & (spread > 0)).all(axis=-1))
    flat = np.where(known[..., np.newaxis], flat, 0.0)
    spread = np.where(known[..., np.newaxis], spread, 1.0)
    value = flat @ form.T
    covariance = (form * spread[..., np.newaxis, :]) @ form.T
    solved = np.linalg.solve(covariance, value[..., np.newaxis])[..., 0]
    wald = (value * solved).sum(axis=-1)
    p = special.gammaincc(form.shape[0] / 2, wald / 2)
    return np.asarray(np.where(known, p, np.nan))
