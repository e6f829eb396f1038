"""Is the effect the same everywhere, and over time?

Here belong Cochran's Q over slices, and the slope of the effect over days. Whether it
is the same in company of another test is judged in ``interactions``.
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
