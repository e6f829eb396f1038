"""Group sequential boundaries: how much evidence a look needs.

Here belong spending functions and the exact boundaries that spend them, by numerical
integration over the joint density of the looks. Here does not belong the running
comparison of estimates with them (``inference.judged`` takes any critical value).

The score process B(t) = Z(t) sqrt(t) at information t in (0, 1] is a Brownian motion,
so the density of paths that have not crossed satisfies a recursion over the looks:
Armitage, McPherson & Rowe (1969), JRSS A 132, 235-244; Jennison & Turnbull (2000),
chapter 19. Each density is kept at Gauss-Legendre nodes, all schedules at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from dagster_project.analysis.experiments.arrays import (
    BoolArray,
    FloatArray,
    check_share,
    floats,
    undefined_is_nan,
)

# Beyond 8 standard errors nothing is spent that matters (6e-16), as in R's ldbounds.
TRUNCATION: Final = 8.0
# Nodes per (width / step's deviation), and on top: boundaries of 300 daily schedules
# with uneven days moved by at most 1e-10 with twice as many, those of 100 schedules of
# 14 looks at random times by at most 5e-8 (at .6 per width: 5e-3).
_NODES_PER_WIDTH: Final = 1.2
_LEAST_NODES: Final = 6
_MOST_NODES: Final = 512
_NEWTON_STEPS: Final = 40
_BOUND_ERROR: Final = 1e-9
# Schedules worked on together: their kernels stay in the processor's cache.
_BATCH: Final = 64
# A smaller step of information (a hundredth of a percent of the plan) is no new look.
_LEAST_STEP: Final = 1e-4
_LEAST_SPENT: Final = 1e-13


@dataclass(frozen=True)
class Boundaries:
    """What each look of a schedule needs, all (..., looks).

    ``critical`` is the z that a statistic must exceed, at most ``TRUNCATION``;
    ``nominal_alpha`` the tail that it cuts off (both tails for a two-sided boundary);
    ``spent`` the error spent up to the look. A look that brings no new information
    gets an infinite ``critical``; NaN where the schedule has no look.
    """

    critical: FloatArray
    nominal_alpha: FloatArray
    spent: FloatArray


def obrien_fleming_spending(
    information: npt.ArrayLike, *, alpha: npt.ArrayLike = 0.05
) -> FloatArray:
    """One-sided error spent at ``information`` t: 2 (1 - Phi(z_{alpha / 2} / sqrt t)).

    Lan & DeMets (1983), Biometrika 70, 659-663, equation 2. For a two-sided boundary
    at level 5 % pass ``alpha`` = .025 and use it on each side; t above 1 counts as 1.
    """
    check_share("alpha", alpha)
    t = np.clip(floats(information), 0.0, 1.0)
    z = special.ndtri(1 - floats(alpha) / 2)
    with undefined_is_nan():
        return np.asarray(np.where(t > 0, 2 * special.ndtr(-z / np.sqrt(t)), 0.0 * t))


def power_spending(
    information: npt.ArrayLike, *, alpha: npt.ArrayLike = 0.05, rho: float = 2.0
) -> FloatArray:
    """Error alpha t^rho: Kim & DeMets (1987), Biometrika 74, 149-154."""
    check_share("alpha", alpha)
    return np.asarray(floats(alpha) * np.clip(floats(information), 0.0, 1.0) ** rho)


def boundaries(information: npt.ArrayLike, spent_per_side: npt.ArrayLike) -> Boundaries:
    """Symmetric boundaries that spend ``spent_per_side`` on each side by each look.

    ``information`` (..., looks) in (0, 1], not decreasing, trailing NaN for looks to
    come; ``spent_per_side`` of the same shape, not decreasing. One side of it serves a
    one-sided test (non-inferiority, deterioration): a path that crosses below and then
    above is rare. Leaving the lower side out moves no boundary of 3 to 28 equal looks
    by more than 8e-8 with O'Brien-Fleming type spending of 5 % a side, 2e-5 with
    t^2 and 4e-4 with linear spending. Equal schedules are solved once. Raises
    ``ValueError`` when either argument decreases or information leaves (0, 1].
    """
    times, spending = np.broadcast_arrays(floats(information), floats(spent_per_side))
    _check_schedule(times, spending)
    looks = times.shape[-1]
    table = np.concatenate([times, spending], axis=-1).reshape(-1, 2 * looks)
    distinct, place = np.unique(table, axis=0, return_inverse=True)
    critical = np.full((distinct.shape[0], looks), np.nan)
    nodes = _needed_nodes(distinct[:, :looks], distinct[:, looks:])
    for count in np.unique(nodes):
        same = np.flatnonzero(nodes == count)
        longer = _continued_by(distinct[same])
        rows = same[longer < 0]
        # Schedules of like length together: a batch ends with its longest.
        rows = rows[np.argsort(np.isfinite(distinct[rows, :looks]).sum(axis=1))]
        for start in range(0, rows.size, _BATCH):
            some = rows[start : start + _BATCH]
            critical[some] = _solve(
                distinct[some, :looks], distinct[some, looks:], int(count)
            )
        _fill_beginnings(critical, distinct[:, :looks], same, longer)
    z = np.asarray(critical[place.reshape(-1)].reshape(times.shape))
    spent = np.where(np.isnan(z), np.nan, 2 * spending)
    return Boundaries(z, 2 * special.ndtr(-z), spent)


def _continued_by(schedules: FloatArray) -> npt.NDArray[np.intp]:
    """For each schedule one that begins with it and goes on, or -1.

    The looks of an experiment by day are beginnings of its last schedule: with as many
    nodes their boundaries are the same numbers, and 90 days are solved as a few.
    """
    looks = schedules.shape[1] // 2
    times, spending = schedules[:, :looks], schedules[:, looks:]
    # Missing looks last: a beginning stands behind all schedules that go on from it.
    order = np.lexsort(np.where(np.isnan(times), np.inf, times).T[::-1])
    before, after = order[:-1], order[1:]
    same = (times[before] == times[after]) & (spending[before] == spending[after])
    begins = (same | np.isnan(times[after])).all(axis=1)
    longer = np.full(len(schedules), -1, dtype=np.intp)
    longer[after[begins]] = before[begins]
    return longer


def _fill_beginnings(
    critical: FloatArray,
    times: FloatArray,
    rows: npt.NDArray[np.intp],
    longer: npt.NDArray[np.intp],
) -> None:
    """Copy the boundaries of longer schedules to those that they begin with."""
    lengths = np.isfinite(times[rows]).sum(axis=1)
    for place in np.argsort(-lengths, kind="stable"):
        if longer[place] >= 0:
            row, source = rows[place], rows[longer[place]]
            known = np.isfinite(times[row])
            critical[row] = np.where(known, critical[source], np.nan)


def _check_schedule(information: FloatArray, spent: FloatArray) -> None:
    with undefined_is_nan():
        if np.any((information <= 0) | (information > 1)):
            raise ValueError("information must lie in (0, 1]")
        if np.any(np.diff(information, axis=-1) < 0):
            raise ValueError("information must not decrease from look to look")
        if np.any(np.diff(spent, axis=-1) < -1e-15):
            raise ValueError("spent error must not decrease from look to look")


def _needed_nodes(times: FloatArray, spending: FloatArray) -> npt.NDArray[np.int64]:
    """Nodes per schedule: enough for the narrowest step across the widest region."""
    step = np.diff(times, axis=-1, prepend=0.0)
    spent = np.diff(spending, axis=-1, prepend=0.0)
    used = (step > _LEAST_STEP) & (spent > _LEAST_SPENT)
    with undefined_is_nan():
        width = -special.ndtri(np.where(used, spent, np.nan)) * np.sqrt(times)
        ratio = np.where(used, width / np.sqrt(step), 0.0)
    # The first look that is used starts from a point: its density needs few nodes.
    ratio[np.arange(ratio.shape[0]), np.argmax(used, axis=1)] = 0.0
    raw = _LEAST_NODES + _NODES_PER_WIDTH * ratio.max(axis=-1)
    return np.asarray(np.minimum(8 * np.ceil(raw / 8), _MOST_NODES), dtype=np.int64)


@dataclass(frozen=True)
class _Paths:
    """Paths that have not crossed: time (s,), nodes (s, g), weight x density (s, g).

    Paths are symmetric: nodes cover the upper half and hold half the mass.
    """

    time: FloatArray
    nodes: FloatArray
    mass: FloatArray


def _solve(times: FloatArray, spending: FloatArray, count: int) -> FloatArray:
    """Critical z per look (s, looks) of schedules that share a number of nodes."""
    critical = np.full(times.shape, np.nan)
    start = np.zeros((times.shape[0], count))
    mass = start.copy()
    mass[:, 0] = 0.5
    paths = _Paths(np.zeros(times.shape[0]), start, mass)
    rule = np.polynomial.legendre.leggauss(count)
    gone = np.zeros(times.shape[0])
    bound = np.full(times.shape[0], np.inf)
    last = int(np.isfinite(times).sum(axis=1).max(initial=0))
    for look in range(last):
        time = times[:, look]
        target = spending[:, look] - gone
        fresh = time - paths.time > _LEAST_STEP
        # A look that may spend next to nothing stops nobody: leave the paths alone.
        used = fresh & (target > _LEAST_SPENT)
        found = _crossing_bound(paths, time, np.where(used, target, np.nan), bound)
        z = np.where(fresh, TRUNCATION, np.inf)
        z = np.where(used, found / np.sqrt(time), z)
        critical[:, look] = np.where(np.isnan(time), np.nan, z)
        if np.any(used):
            gone = np.where(used, spending[:, look], gone)
            bound = np.where(used, found, bound)
            paths = _advanced(paths, time, bound, used, rule)
    return critical


def _crossing_bound(
    paths: _Paths, time: FloatArray, target: FloatArray, last: FloatArray
) -> FloatArray:
    """B-scale bound with chance ``target`` of a first crossing above it (one side).

    Newton on the log of the chance, which is concave in the bound: whatever the start
    (the bound before, or that of an unstopped path), the second step lies above the
    root and comes down without overshooting. At most ``TRUNCATION`` deviations; NaN
    where ``target`` is.
    """
    with undefined_is_nan():
        far = TRUNCATION * np.sqrt(time)
        bound = np.minimum(-special.ndtri(target) * np.sqrt(time), far)
        bound = np.minimum(bound, last)
        deviation = np.sqrt(time - paths.time)[:, np.newaxis]
        # A schedule stops at its own last step: the company it is solved in must not
        # show in its digits.
        moving = np.ones(bound.shape, dtype=np.bool_)
        for _ in range(_NEWTON_STEPS):
            chance, slope = _crossing_chance(paths, bound, deviation)
            step = np.log(chance / target) * chance / slope
            step = np.where(np.isfinite(step) & moving, step, 0.0)
            bound = np.minimum(bound + step, far)
            moving = moving & (np.abs(step) >= _BOUND_ERROR)
            if not np.any(moving):
                break
    return np.asarray(bound)


def _crossing_chance(
    paths: _Paths, bound: FloatArray, deviation: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Chance of a first crossing above ``bound``, and minus its derivative."""
    scaled, nodes = bound[:, np.newaxis] / deviation, paths.nodes / deviation
    near = scaled - nodes
    tail, density = special.ndtr(-near), np.exp(-0.5 * near**2)
    # From the lower half only a wide step gets across.
    wide = scaled < TRUNCATION
    if np.any(wide):
        far = scaled + nodes
        tail = tail + np.where(wide, special.ndtr(-far), 0.0)
        density = density + np.where(wide, np.exp(-0.5 * far**2), 0.0)
    slope = (paths.mass * density).sum(axis=1) / (deviation[:, 0] * np.sqrt(2 * np.pi))
    return (paths.mass * tail).sum(axis=1), slope


def _advanced(
    paths: _Paths,
    time: FloatArray,
    bound: FloatArray,
    used: BoolArray,
    rule: tuple[FloatArray, FloatArray],
) -> _Paths:
    """Carry the density to this look and stop what crossed ``bound``.

    Schedules that do not use the look keep their paths.
    """
    unit, weight = rule
    half = np.where(used, bound, 1.0)[:, np.newaxis] / 2
    nodes = half * (unit + 1)
    step = np.where(used, time - paths.time, 1.0)
    scale = np.sqrt(0.5 / step)[:, np.newaxis]
    density = _convolved(paths, nodes, scale)
    mass = half * weight * density * scale / np.sqrt(np.pi)
    keep = used[:, np.newaxis]
    return _Paths(
        np.where(used, time, paths.time),
        np.where(keep, nodes, paths.nodes),
        np.where(keep, mass, paths.mass),
    )


def _convolved(paths: _Paths, nodes: FloatArray, scale: FloatArray) -> FloatArray:
    """Sum over old nodes of mass times the unscaled normal kernel at new nodes."""
    new = (nodes * scale)[:, :, np.newaxis]
    old = (paths.nodes * scale)[:, np.newaxis, :]
    kernel = _bell(np.subtract(new, old))
    kernel += _bell(np.add(new, old))
    return np.asarray(np.matmul(kernel, paths.mass[:, :, np.newaxis])[:, :, 0])


def _bell(apart: FloatArray) -> FloatArray:
    """exp(-apart^2), in place."""
    np.square(apart, out=apart)
    np.negative(apart, out=apart)
    return np.exp(apart, out=apart)
