"""Tails and critical values of Student's t and the normal, far out and fast.

Here belong log p-values down to any depth and the values that cut off a given tail.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from dagster_project.analysis.experiments.arrays import FloatArray, floats

# Below this tail the library's t distribution nears underflow: use the fraction.
_DEEP: Final = 1e-280
_FRACTION_STEPS: Final = 400


def log_student_tail(t: npt.ArrayLike, dof: npt.ArrayLike) -> FloatArray:
    """Natural log of P(T > t) for Student's t; ``dof`` inf is the normal.

    Broadcasts; NaN where either is NaN. Down to p = 1e-280 from the library's
    distribution, below by the continued fraction of the incomplete beta function
    (Abramowitz & Stegun 26.5.8 with x = dof / (dof + t^2), a = dof / 2, b = 1 / 2),
    so that p = 1e-300 and far less keep all their digits as a log.
    """
    value, freedom = np.broadcast_arrays(floats(t), floats(dof))
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = special.stdtr(np.where(np.isinf(freedom), 1.0, freedom), -value)
        result = np.log(tail)
    normal = np.isinf(freedom)
    result = np.where(normal, special.log_ndtr(-value), result)
    deep = ~normal & (tail < _DEEP) & (value > 0)
    if np.any(deep):
        result[deep] = _log_beta_tail(value[deep], freedom[deep])
    return np.asarray(result)


def _log_beta_tail(t: FloatArray, dof: FloatArray) -> FloatArray:
    """Log of half the regularised incomplete beta function, by Lentz's algorithm."""
    a, b = dof / 2, 0.5
    ratio = t * t / dof
    log_x, log_rest = -np.log1p(ratio), -np.log1p(1 / ratio)
    x = np.exp(log_x)
    c = np.ones_like(a)
    d = 1 / (1 - (a + b) * x / (a + 1))
    fraction = d.copy()
    for m in range(1, _FRACTION_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / (1 + step * d)
            c = 1 + step / c
            fraction = fraction * d * c
        if np.all(np.abs(d * c - 1) < 1e-15):
            break
    front = a * log_x + b * log_rest - np.log(a) - special.betaln(a, b)
    return np.asarray(front + np.log(fraction) - np.log(2))


def two_sided_log_p(statistic: npt.ArrayLike, dof: npt.ArrayLike) -> FloatArray:
    """Natural log of p = 2 P(T > |t|); 0 (p = 1) at t = 0."""
    log_tail = log_student_tail(np.abs(floats(statistic)), dof)
    return np.asarray(np.minimum(np.log(2) + log_tail, 0.0))


def student_critical(tail: npt.ArrayLike, dof: npt.ArrayLike) -> FloatArray:
    """The t with P(T > t) = ``tail``; ``dof`` inf is the normal, NaN stays NaN."""
    cut, freedom = np.broadcast_arrays(floats(tail), floats(dof))
    normal = np.isinf(freedom)
    student = special.stdtrit(np.where(normal, 1.0, freedom), cut)
    return np.asarray(np.where(normal, -special.ndtri(cut), -student))
