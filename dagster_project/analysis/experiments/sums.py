"""Sufficient statistics of an arm and the moments they give.

Here belong counts, sums and sums of products of (y, d, x, w) = (numerator,
denominator, and both before exposure), moved by a constant, merged and turned into
means and covariances. Here does not belong any comparison of arms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dagster_project.analysis.experiments.arrays import (
    FloatArray,
    floats,
    undefined_is_nan,
)

VARIABLES: Final = ("y", "d", "x", "w")
PRODUCTS: Final = ("yy", "yd", "yx", "yw", "dd", "dx", "dw", "xx", "xw", "ww")
Y, D, X, W = range(4)
_LEFT, _RIGHT = np.triu_indices(4)
# Position of (a, b) among PRODUCTS, for both orders of a and b.
_POSITION: Final = np.zeros((4, 4), dtype=np.intp)
_POSITION[_LEFT, _RIGHT] = _POSITION[_RIGHT, _LEFT] = np.arange(10)
# A centred sum of squares below so many roundings of the raw sum is noise: constant
# columns of up to 1e6 units left 7.8 at most in 10,000 draws with pairwise sums. A
# plain running sum of 1e6 values can lose 250,000: there only the shift helps.
_ROUNDINGS: Final = 16.0


@dataclass(frozen=True)
class Sums:
    """Counts, 4 sums and 10 sums of products of (y, d, x, w) minus ``shift``.

    ``count`` has shape (...), in units; ``first`` (..., 4) in the order of
    ``VARIABLES``; ``second`` (..., 10) in the order of ``PRODUCTS``; ``shift``
    broadcasts to (..., 4), the constants that were taken off every value. A variable
    that a metric does not have is all zero. Shifting keeps the spread: plain sums give
    variance 0 at mean 1e8 and deviation 1.
    """

    count: FloatArray
    first: FloatArray
    second: FloatArray
    shift: FloatArray


@dataclass(frozen=True)
class Moments:
    """Means and covariances of one arm.

    ``count`` (...), ``mean`` (..., 4), ``covariance`` (..., 4, 4) with denominator
    n - 1; the mean is NaN for an empty arm, the covariance for fewer than 2 units.
    """

    count: FloatArray
    mean: FloatArray
    covariance: FloatArray

    def arms(self, which: slice) -> Moments:
        """Select along the last leading axis, the arms."""
        return Moments(
            self.count[..., which],
            self.mean[..., which, :],
            self.covariance[..., which, :, :],
        )


def sums_of(
    count: npt.ArrayLike, *, shift: npt.ArrayLike = 0.0, **columns: npt.ArrayLike
) -> Sums:
    """Sums from columns named as in ``VARIABLES`` and ``PRODUCTS``.

    Columns left out are zero; all broadcast to one shape (...), ``shift`` to (..., 4).
    Raises ``ValueError`` for an unknown column and for a negative count.
    """
    unknown = set(columns) - {*VARIABLES, *PRODUCTS}
    if unknown:
        raise ValueError(f"unknown columns of sums: {sorted(unknown)}")
    names = [*VARIABLES, *PRODUCTS]
    units, *rest = np.broadcast_arrays(
        floats(count), *(floats(columns.get(name, 0.0)) for name in names)
    )
    if np.any(units < 0):
        raise ValueError("a count of units is negative")
    first, second = np.stack(rest[:4], axis=-1), np.stack(rest[4:], axis=-1)
    return Sums(
        units, first, second, np.asarray(np.broadcast_to(floats(shift), first.shape))
    )


def sums_of_units(values: npt.ArrayLike, *, shift: npt.ArrayLike | None = None) -> Sums:
    """Sums over units of ``values`` (..., units, 4) in the order of ``VARIABLES``.

    ``shift`` (..., 4) defaults to the values of the first unit, which keeps the spread
    of any column whose deviation is not tiny beside its distance from that unit.
    """
    rows = floats(values)
    shift = rows[..., 0, :] if shift is None else floats(shift)
    moved = rows - np.broadcast_to(shift, (*rows.shape[:-2], 4))[..., np.newaxis, :]
    products = np.swapaxes(moved, -1, -2) @ moved
    count = np.full(rows.shape[:-2], float(rows.shape[-2]))
    shift = np.asarray(np.broadcast_to(shift, (*rows.shape[:-2], 4)))
    return Sums(count, moved.sum(axis=-2), products[..., _LEFT, _RIGHT], shift)


def shifted_to(sums: Sums, shift: npt.ArrayLike) -> Sums:
    """The same units with other constants taken off; ``shift=0`` undoes a shift.

    Sum of (v - c') = S + n (c - c'), and sum of (v - c')(u - k') = P + (c - c') S_u +
    (k - k') S_v + n (c - c')(k - k'). Exact in whole numbers below 2**53; else to
    rounding, so that a shift should be kept until the moments are taken.
    """
    target = floats(shift)
    move = sums.shift - target
    n = sums.count[..., np.newaxis]
    first = sums.first + n * move
    second = (
        sums.second
        + move[..., _LEFT] * sums.first[..., _RIGHT]
        + move[..., _RIGHT] * sums.first[..., _LEFT]
        + n * move[..., _LEFT] * move[..., _RIGHT]
    )
    return Sums(
        sums.count, first, second, np.asarray(np.broadcast_to(target, first.shape))
    )


def merged(left: Sums, right: Sums) -> Sums:
    """Sums of the union of two disjoint groups, by the constants of the left one."""
    other = shifted_to(right, left.shift)
    return Sums(
        left.count + other.count,
        left.first + other.first,
        left.second + other.second,
        left.shift,
    )


def total(sums: Sums, axis: int) -> Sums:
    """Sums over one leading axis (negative axes count from the last leading one)."""
    place = axis if axis >= 0 else axis + sums.count.ndim
    shift = np.broadcast_to(sums.shift, sums.first.shape)
    common = np.take(shift, [0], axis=place)
    alike = shifted_to(sums, common) if np.any(shift != common) else sums
    return Sums(
        alike.count.sum(axis=place),
        alike.first.sum(axis=place),
        alike.second.sum(axis=place),
        common.squeeze(place),
    )


def moments_of(sums: Sums) -> Moments:
    """Means and covariances of each arm.

    mean = shift + S / n; covariance = (P - S S' / n) / (n - 1): Chan, Golub & LeVeque
    (1983), American Statistician 37, 242-247, the shifted-data algorithm. A spread
    within rounding of the raw sum counts as 0.
    """
    n = sums.count[..., np.newaxis]
    with undefined_is_nan():
        average = sums.first / n
        mean = sums.shift + average
        centred = sums.second - sums.first[..., _LEFT] * average[..., _RIGHT]
        covariance = (centred / (n - 1))[..., _POSITION]
    square = sums.second[..., _POSITION.diagonal()]
    spread = centred[..., _POSITION.diagonal()]
    noise = spread <= _ROUNDINGS * np.finfo(np.float64).eps * square
    constant = noise[..., :, np.newaxis] | noise[..., np.newaxis, :]
    covariance[constant] = 0.0
    covariance[sums.count < 2] = np.nan
    return Moments(sums.count, mean, covariance)
