"""Quantiles by order statistics, with correction for events inside units.

Here belong the ranks of the interval, the estimate from an arm's values, and the
contrast of two arms. Ranks are all that SQL needs to look the values up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from dagster_project.analysis.experiments.arrays import (
    FloatArray,
    IntArray,
    check_share,
    floats,
    undefined_is_nan,
)
from dagster_project.analysis.experiments.contrasts import (
    Contrast,
    assembled,
    ratio_value,
    variance_of,
)
from dagster_project.analysis.experiments.reasons import Reason
from dagster_project.analysis.experiments.sums import Moments


@dataclass(frozen=True)
class ArmQuantile:
    """A quantile of an arm with two order statistics around it, all (...).

    ``count`` values; ``estimate``, ``lower``, ``upper`` in the values' unit, the bounds
    at normal level ``level``; ``inflation`` the variance of the share below the
    quantile over that of independent values; ``independent`` the independent units.
    """

    count: FloatArray
    estimate: FloatArray
    lower: FloatArray
    upper: FloatArray
    inflation: FloatArray
    independent: FloatArray


def quantile_ranks(
    count: npt.ArrayLike,
    quantile: float,
    *,
    level: float = 0.95,
    inflation: npt.ArrayLike = 1.0,
) -> tuple[IntArray, IntArray]:
    """Ranks (from 1) of the interval's ends among sorted values.

    n q -+ z sqrt(n q (1 - q) inflation), outward: Deng, Knoblich & Lu (2018), KDD,
    section 4.2. A rank of 0 or n + 1 means that no value bounds the quantile on that
    side.
    """
    check_share("quantile", quantile)
    check_share("level", level)
    n = floats(count)
    z = -float(special.ndtri((1 - level) / 2))
    reach = z * np.sqrt(n * quantile * (1 - quantile) * floats(inflation))
    middle = n * quantile
    lower = np.clip(np.floor(middle - reach), 0, n)
    upper = np.clip(np.ceil(middle + reach) + 1, 1, n + 1)
    return lower.astype(np.int64), upper.astype(np.int64)


def cluster_inflation(clusters: Moments, quantile: npt.ArrayLike) -> FloatArray:
    """Variance of the share below the quantile, over that of independent values.

    ``clusters``: moments per unit with y the unit's values at or below the quantile and
    d all its values. Delta method over binomial: Deng et al. (2018), equation 8. NaN
    with fewer than 2 units; never below 0.
    """
    check_share("quantile", quantile)
    share = ratio_value(clusters)
    clustered = variance_of(clusters, share.gradient, share.gradient)
    with undefined_is_nan():
        values = clusters.count * clusters.mean[..., 1]
        independent = floats(quantile) * (1 - floats(quantile)) / values
        return np.asarray(np.maximum(clustered, 0.0) / independent)


def arm_quantile(
    values: npt.ArrayLike,
    quantile: float,
    *,
    units: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> ArmQuantile:
    """Quantile of one arm's values, which may belong to ``units`` with several each.

    ``values`` (n,) and ``units`` (n,) labels; without labels each value is a unit. The
    estimate is interpolated between the values beside (n - 1) q. No value: all NaN.
    Bounds are NaN where the sample is too small to hold them.
    """
    ordered = np.sort(floats(values))
    count = ordered.size
    if count == 0:
        nothing = floats(np.nan)
        return ArmQuantile(
            floats(0.0), nothing, nothing, nothing, floats(1.0), floats(0.0)
        )
    estimate = float(np.quantile(ordered, quantile))
    inflation, independent = 1.0, float(count)
    if units is not None:
        inflation, independent = _inflation(floats(values), units, estimate, quantile)
    low, high = quantile_ranks(count, quantile, level=level, inflation=inflation)
    padded = np.concatenate([[np.nan], ordered, [np.nan]])
    return ArmQuantile(
        floats(count),
        floats(estimate),
        floats(padded[int(low)]),
        floats(padded[int(high)]),
        floats(inflation),
        floats(independent),
    )


def _inflation(
    values: FloatArray, units: npt.ArrayLike, estimate: float, quantile: float
) -> tuple[float, float]:
    _, place = np.unique(np.asarray(units), return_inverse=True)
    per_unit = np.bincount(place).astype(np.float64)
    below = np.bincount(place, weights=(values <= estimate).astype(np.float64))
    count = per_unit.size
    rest = below - per_unit * below.sum() / per_unit.sum()
    variance = (rest**2).sum() / max(count - 1, 1) * count / per_unit.sum() ** 2
    inflation = variance / (quantile * (1 - quantile) / per_unit.sum())
    return float(inflation), float(count)


def quantile_contrast(
    control: ArmQuantile, treatment: ArmQuantile, *, level: float = 0.95
) -> Contrast:
    """Difference of two arms' quantiles, its variance from the intervals' widths.

    variance = ((upper - lower) / (2 z))^2 per arm, z at the ``level`` of the bounds:
    Deng et al. (2018), section 4.2. Degrees of freedom from the independent units;
    ``EMPTY_ARM`` without values, ``ZERO_VARIANCE`` where the order statistics
    coincide or units do not differ, ``TOO_FEW_VALUES`` where one is missing.
    """
    z = -float(special.ndtri((1 - level) / 2))
    below, above = (
        np.where(arm.inflation <= 0, 0.0, ((arm.upper - arm.lower) / (2 * z)) ** 2)
        for arm in (control, treatment)
    )
    found = assembled(
        difference=treatment.estimate - control.estimate,
        variances=(below, above),
        counts=(control.independent, treatment.independent),
        baseline=control.estimate,
        baseline_variance=below,
        covariance=-below,
    )
    few = (found.reason == Reason.NOT_FINITE) & np.isnan(below + above)
    reason = np.where(few, np.int8(Reason.TOO_FEW_VALUES), found.reason)
    return replace(found, reason=reason.astype(np.int8))


def rescaled(arm: ArmQuantile, looked_up_for: npt.ArrayLike) -> ArmQuantile:
    """Correct bounds that were looked up for another number of values than ``count``.

    A query may fix the ranks before the exact count is known; the width then belongs
    to ``looked_up_for`` values and shrinks or grows with the root of the ratio, times
    (n - 1) / n.
    """
    with undefined_is_nan():
        factor = np.sqrt(
            floats(looked_up_for) / arm.count * (arm.count - 1) / arm.count
        )
    middle, half = (arm.upper + arm.lower) / 2, (arm.upper - arm.lower) / 2
    return ArmQuantile(
        arm.count,
        arm.estimate,
        middle - half * factor,
        middle + half * factor,
        arm.inflation,
        arm.independent,
    )
