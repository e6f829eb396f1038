"""Many tests at once: adjusted p-values and the level of the matching intervals.

Here belong Holm, Benjamini-Hochberg and their relatives along one axis of a family.
NaN p-values (undefined results) are no members of the family and stay NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dagster_project.analysis.experiments.arrays import (
    BoolArray,
    FloatArray,
    check_share,
    floats,
)


@dataclass(frozen=True)
class Adjusted:
    """Result of a family of tests, of the shape of the p-values.

    ``p_value`` adjusted; ``is_rejected`` where it is below alpha; ``level`` the error
    level at which each test's own interval leaves out the null exactly where the test
    is rejected, so that intervals at 1 - ``level`` match the verdicts.
    """

    p_value: FloatArray
    is_rejected: BoolArray
    level: FloatArray


def holm(p_values: npt.ArrayLike, *, alpha: float = 0.05, axis: int = -1) -> Adjusted:
    """Holm's step-down: family-wise error at most alpha under any dependence.

    Adjusted p = running maximum of (m - rank + 1) p. Matching level alpha / (m - R)
    with R rejections (alpha when all are): the step at which Holm stopped. Holm
    (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    ordered, restore, m = _family(p_values, alpha, axis)
    rank = np.arange(1, ordered.shape[-1] + 1)
    stepped = np.maximum.accumulate((m - rank + 1) * ordered, axis=-1)
    adjusted = np.minimum(stepped, 1.0)
    rejected = adjusted < alpha
    left = m - rejected.sum(axis=-1, keepdims=True)
    level = alpha / np.maximum(left, 1) + 0 * ordered
    return _restored(adjusted, rejected, level, restore, axis)


def benjamini_hochberg(
    p_values: npt.ArrayLike, *, alpha: float = 0.05, axis: int = -1
) -> Adjusted:
    """Benjamini-Hochberg: false discovery rate at most alpha.

    Adjusted p = running minimum from the largest of m p / rank. Matching level
    alpha max(R, 1) / m: intervals with false coverage rate alpha. Benjamini & Hochberg
    (1995), JRSS B 57, 289-300; Benjamini & Yekutieli (2005), JASA 100, 71-81.
    """
    ordered, restore, m = _family(p_values, alpha, axis)
    adjusted = _stepped_up(ordered, m / _ranks(ordered))
    rejected = adjusted < alpha
    found = np.maximum(rejected.sum(axis=-1, keepdims=True), 1)
    level = alpha * found / np.maximum(m, 1) + 0 * ordered
    return _restored(adjusted, rejected, level, restore, axis)


def benjamini_yekutieli(
    p_values: npt.ArrayLike, *, alpha: float = 0.05, axis: int = -1
) -> Adjusted:
    """Benjamini-Yekutieli: false discovery rate at most alpha under any dependence.

    Benjamini-Hochberg times 1 + 1/2 + ... + 1/m: Annals of Statistics 29 (2001),
    1165-1188.
    """
    ordered, restore, m = _family(p_values, alpha, axis)
    harmonic = np.cumsum(1 / np.arange(1, max(ordered.shape[-1], 1) + 1))
    factor = np.where(m > 0, harmonic[np.maximum(m, 1).astype(np.int64) - 1], 1.0)
    adjusted = _stepped_up(ordered, factor * m / _ranks(ordered))
    rejected = adjusted < alpha
    found = np.maximum(rejected.sum(axis=-1, keepdims=True), 1)
    level = alpha * found / (np.maximum(m, 1) * factor) + 0 * ordered
    return _restored(adjusted, rejected, level, restore, axis)


def bonferroni(
    p_values: npt.ArrayLike, *, alpha: float = 0.05, axis: int = -1
) -> Adjusted:
    """Bonferroni: m p, level alpha / m."""
    ordered, restore, m = _family(p_values, alpha, axis)
    adjusted = np.minimum(m * ordered, 1.0)
    level = alpha / np.maximum(m, 1) + 0 * ordered
    return _restored(adjusted, adjusted < alpha, level, restore, axis)


def hochberg(
    p_values: npt.ArrayLike, *, alpha: float = 0.05, axis: int = -1
) -> Adjusted:
    """Hochberg's step-up form of Holm (1988), Biometrika 75, 800-802."""
    ordered, restore, m = _family(p_values, alpha, axis)
    adjusted = _stepped_up(ordered, m - _ranks(ordered) + 1)
    rejected = adjusted < alpha
    left = m - rejected.sum(axis=-1, keepdims=True)
    level = alpha / np.maximum(left, 1) + 0 * ordered
    return _restored(adjusted, rejected, level, restore, axis)


def holm_sidak(
    p_values: npt.ArrayLike, *, alpha: float = 0.05, axis: int = -1
) -> Adjusted:
    """Holm's steps with 1 - (1 - p)^k in place of k p, for independent tests."""
    ordered, restore, m = _family(p_values, alpha, axis)
    steps = np.maximum(m - _ranks(ordered) + 1, 1)
    stepped = -np.expm1(steps * np.log1p(-np.minimum(ordered, 1 - 1e-16)))
    adjusted = np.minimum(np.maximum.accumulate(stepped, axis=-1), 1.0)
    rejected = adjusted < alpha
    left = np.maximum(m - rejected.sum(axis=-1, keepdims=True), 1)
    level = -np.expm1(np.log1p(-alpha) / left) + 0 * ordered
    return _restored(adjusted, rejected, level, restore, axis)


def _family(
    p_values: npt.ArrayLike, alpha: float, axis: int
) -> tuple[FloatArray, npt.NDArray[np.intp], FloatArray]:
    """Sorted p along the last axis (NaN last), the way back, and the family's size."""
    check_share("alpha", alpha)
    values = np.moveaxis(floats(p_values), axis, -1)
    if np.any((values < 0) | (values > 1)):
        raise ValueError("p-values must lie between 0 and 1")
    order = np.argsort(values, axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=-1)
    size = np.isfinite(ordered).sum(axis=-1, keepdims=True).astype(np.float64)
    return ordered, np.argsort(order, axis=-1, kind="stable"), size


def _ranks(ordered: FloatArray) -> FloatArray:
    return np.arange(1, ordered.shape[-1] + 1, dtype=np.float64) + 0 * ordered


def _stepped_up(ordered: FloatArray, factor: FloatArray) -> FloatArray:
    """Running minimum from the largest p of factor x p; NaN stays NaN."""
    raw = np.where(np.isnan(ordered), np.inf, factor * ordered)
    stepped = np.minimum.accumulate(raw[..., ::-1], axis=-1)[..., ::-1]
    return np.where(np.isnan(ordered), np.nan, np.minimum(stepped, 1.0))


def _restored(
    adjusted: FloatArray,
    rejected: BoolArray,
    level: FloatArray,
    restore: npt.NDArray[np.intp],
    axis: int,
) -> Adjusted:
    return Adjusted(
        np.moveaxis(np.take_along_axis(adjusted, restore, axis=-1), -1, axis),
        np.moveaxis(np.take_along_axis(rejected, restore, axis=-1), -1, axis),
        np.moveaxis(np.take_along_axis(level, restore, axis=-1), -1, axis),
    )
