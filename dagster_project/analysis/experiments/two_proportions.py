"""Two proportions: pooled z, Newcombe's interval, exact tests where they are needed.

Here belong the choice of test by size and the intervals of the difference. The exact
tests themselves are in ``exact_tables``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from dagster_project.analysis.experiments.arrays import (
    BoolArray,
    CodeArray,
    FloatArray,
    check_share,
    floats,
    undefined_is_nan,
)
from dagster_project.analysis.experiments.contrasts import proportion_contrast
from dagster_project.analysis.experiments.exact_tables import ExactTable, boschloo_p
from dagster_project.analysis.experiments.inference import Estimate, reconciled
from dagster_project.analysis.experiments.reasons import Method, Reason, first_reason
from dagster_project.analysis.experiments.tails import (
    student_critical,
    two_sided_log_p,
)

# Below these the normal approximation is left for an exact test.
SMALL_UNITS: Final = 1_000
SMALL_CONVERSIONS: Final = 10


@dataclass(frozen=True)
class ProportionEvidence:
    """Counts of two arms and the p-value that belongs to them, all (...).

    Counts in units; ``statistic`` the pooled z; ``log_p`` natural log, NaN with a
    ``reason``; ``method`` a code of ``Method``.
    """

    control_count: FloatArray
    control_hits: FloatArray
    treatment_count: FloatArray
    treatment_hits: FloatArray
    statistic: FloatArray
    log_p: FloatArray
    method: CodeArray
    reason: CodeArray


def proportion_evidence(
    control_count: npt.ArrayLike,
    control_hits: npt.ArrayLike,
    treatment_count: npt.ArrayLike,
    treatment_hits: npt.ArrayLike,
) -> ProportionEvidence:
    """Two-sided p of equal proportions.

    Pooled z; Boschloo's exact test below ``SMALL_UNITS`` units in both arms together
    or where an arm has fewer than ``SMALL_CONVERSIONS`` conversions, or as few
    units that did not convert; Fisher's where Boschloo's grid would be too big (it is
    conservative). Null where nobody or everybody converted: nothing can be compared.
    Raises ``ValueError`` when hits are negative or exceed the units.
    """
    n_c, x_c, n_t, x_t = (
        array.copy()
        for array in np.broadcast_arrays(
            *map(floats, (control_count, control_hits, treatment_count, treatment_hits))
        )
    )
    if np.any((x_c < 0) | (x_c > n_c) | (x_t < 0) | (x_t > n_t)):
        raise ValueError("hits must lie between 0 and the units of their arm")
    z = pooled_z(n_c, x_c, n_t, x_t)
    reason = first_reason(
        (np.minimum(n_c, n_t) <= 0, Reason.EMPTY_ARM),
        (np.isnan(z), Reason.ZERO_VARIANCE),
    )
    log_p = two_sided_log_p(z, np.inf)
    method = np.full(z.shape, np.int8(Method.POOLED_Z))
    small = (reason == Reason.NONE) & _is_small(n_c, x_c, n_t, x_t)
    if np.any(small):
        log_p = np.where(small, np.nan, log_p)
        log_p[small], method[small] = _exact(
            np.stack([n_c[small], x_c[small], n_t[small], x_t[small]], axis=-1)
        )
    return ProportionEvidence(n_c, x_c, n_t, x_t, z, log_p, method, reason)


def _is_small(
    n_c: FloatArray, x_c: FloatArray, n_t: FloatArray, x_t: FloatArray
) -> BoolArray:
    rarest = np.minimum.reduce([x_c, n_c - x_c, x_t, n_t - x_t])
    return np.asarray((n_c + n_t < SMALL_UNITS) | (rarest < SMALL_CONVERSIONS))


def _exact(tables: FloatArray) -> tuple[FloatArray, CodeArray]:
    """Log p and method of each of (tables, 4); every distinct table is done once.

    Tables of the same margins follow each other: they share their grid.
    """
    n_c, x_c, n_t, x_t = np.rint(tables).T
    distinct, place = np.unique(
        np.stack([n_c, n_t, x_c + x_t, x_c], axis=-1), axis=0, return_inverse=True
    )
    found = [
        _exact_log_p(ExactTable(n_c, x_c, n_t, hits - x_c))
        for n_c, n_t, hits, x_c in distinct.astype(np.int64).tolist()
    ]
    log_p, method = (np.array(column) for column in zip(*found, strict=True))
    where = place.reshape(-1)
    return log_p[where], method[where].astype(np.int8)


def _exact_log_p(table: ExactTable) -> tuple[float, Method]:
    p, method = boschloo_p(table), Method.BOSCHLOO
    if p is None:
        missed = table.control_units - table.control_hits
        others = table.treatment_units - table.treatment_hits
        rows = np.array([[table.control_hits, missed], [table.treatment_hits, others]])
        p, method = float(stats.fisher_exact(rows).pvalue), Method.FISHER
    return float(np.log(max(p, np.finfo(np.float64).tiny))), method


def pooled_z(
    control_count: npt.ArrayLike,
    control_hits: npt.ArrayLike,
    treatment_count: npt.ArrayLike,
    treatment_hits: npt.ArrayLike,
) -> FloatArray:
    """z = (p_t - p_c) / sqrt(p (1 - p) (1 / n_c + 1 / n_t)), p over both arms.

    NaN where an arm is empty or p is 0 or 1. Elementwise, no continuity correction.
    """
    n_c, x_c = floats(control_count), floats(control_hits)
    n_t, x_t = floats(treatment_count), floats(treatment_hits)
    with undefined_is_nan():
        both = (x_c + x_t) / (n_c + n_t)
        variance = both * (1 - both) * (1 / n_c + 1 / n_t)
        z = (x_t / n_t - x_c / n_c) / np.sqrt(np.where(variance > 0, variance, np.nan))
    return np.asarray(np.where(np.isfinite(z), z, np.nan))


def newcombe_interval(
    control_count: npt.ArrayLike,
    control_hits: npt.ArrayLike,
    treatment_count: npt.ArrayLike,
    treatment_hits: npt.ArrayLike,
    *,
    critical: npt.ArrayLike,
) -> tuple[FloatArray, FloatArray]:
    """Interval of p_t - p_c from the two Wilson intervals at ``critical`` (a z value).

    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10. NaN for an empty
    arm; never outside [-1, 1].
    """
    z = floats(critical)
    with undefined_is_nan():
        n_c, n_t = floats(control_count), floats(treatment_count)
        p_c, low_c, high_c = _wilson(floats(control_hits), n_c, z)
        p_t, low_t, high_t = _wilson(floats(treatment_hits), n_t, z)
        gap = p_t - p_c
        lower = gap - np.hypot(p_t - low_t, high_c - p_c)
        upper = gap + np.hypot(high_t - p_t, p_c - low_c)
    return np.maximum(lower, -1.0), np.minimum(upper, 1.0)


def _wilson(
    hits: FloatArray, count: FloatArray, z: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rate and Wilson bounds; an infinite z gives 0 and 1."""
    n = np.where(count > 0, count, np.nan)
    rate = hits / n
    square = np.where(np.isfinite(z), z, 0.0) ** 2
    centre = (rate + square / (2 * n)) / (1 + square / n)
    half = np.sqrt(square * (rate * (1 - rate) / n + square / (4 * n**2)))
    half = half / (1 + square / n)
    lower = np.where(np.isinf(z), 0.0, np.maximum(centre - half, 0.0)) + 0 * n
    upper = np.where(np.isinf(z), 1.0, np.minimum(centre + half, 1.0)) + 0 * n
    return rate, lower, upper


def judged_proportions(
    evidence: ProportionEvidence, *, critical: npt.ArrayLike, log_alpha: npt.ArrayLike
) -> Estimate:
    """The test at a nominal level with Newcombe's interval at the matching z.

    ``is_significant`` is log p < ``log_alpha``. Newcombe's interval and the test are
    two constructions and may differ by a hair at 0; there the interval is moved to 0
    (``reconciled``). ``std_error`` is the unpooled one.
    """
    counts = (
        *(evidence.control_count, evidence.control_hits),
        *(evidence.treatment_count, evidence.treatment_hits),
    )
    flag = evidence.log_p < floats(log_alpha)
    contrast = proportion_contrast(*counts)
    lower, upper = newcombe_interval(*counts, critical=critical)
    lower, upper = reconciled(lower, upper, flag, contrast.difference)
    known = np.where(evidence.reason == Reason.NONE, 1.0, np.nan)
    with undefined_is_nan():
        error = np.sqrt(_unpooled_variance(*counts))
    return Estimate(
        estimate=contrast.difference,
        lower=lower * known,
        upper=upper * known,
        std_error=error * known,
        statistic=evidence.statistic,
        dof=np.inf * known,
        p_value=np.exp(evidence.log_p),
        log_p=evidence.log_p,
        is_significant=flag,
        reason=evidence.reason,
    )


def _unpooled_variance(
    n_c: FloatArray, x_c: FloatArray, n_t: FloatArray, x_t: FloatArray
) -> FloatArray:
    p_c, p_t = x_c / n_c, x_t / n_t
    return np.asarray(p_c * (1 - p_c) / n_c + p_t * (1 - p_t) / n_t)


def proportion_test(
    control_count: npt.ArrayLike,
    control_hits: npt.ArrayLike,
    treatment_count: npt.ArrayLike,
    treatment_hits: npt.ArrayLike,
    *,
    alpha: npt.ArrayLike = 0.05,
) -> Estimate:
    """Test of equal proportions with its interval at level 1 - ``alpha``.

    ``proportion_evidence`` says which test, ``judged_proportions`` which interval.
    """
    check_share("alpha", alpha)
    evidence = proportion_evidence(
        control_count, control_hits, treatment_count, treatment_hits
    )
    critical = student_critical(floats(alpha) / 2, np.inf)
    return judged_proportions(
        evidence, critical=critical, log_alpha=np.log(floats(alpha))
    )
