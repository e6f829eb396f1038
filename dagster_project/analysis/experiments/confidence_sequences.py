"""Intervals that hold at every look, however often one looks.

Here belong the asymptotic confidence sequence of a contrast, the running bounds over
looks, and the exact sequence of one Bernoulli rate.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from dagster_project.analysis.experiments.arrays import (
    FloatArray,
    check_share,
    floats,
    undefined_is_nan,
)
from dagster_project.analysis.experiments.contrasts import Contrast
from dagster_project.analysis.experiments.inference import Estimate, judged


def mixture_precision(
    tuning_units: npt.ArrayLike, *, alpha: npt.ArrayLike = 0.05
) -> FloatArray:
    """rho^2 that makes the sequence tightest at ``tuning_units`` units of both arms.

    (-2 log alpha + log(1 - 2 log alpha)) / n: Waudby-Smith, Arbour, Sinha, Kennedy &
    Ramdas (2021), arXiv:2103.06476, appendix B.2. Raises ``ValueError`` unless the
    units are positive and ``alpha`` lies in (0, 1).
    """
    check_share("alpha", alpha)
    units = floats(tuning_units)
    if np.any(units <= 0):
        raise ValueError(f"tuning_units must be positive, got {units}")
    depth = -2 * np.log(floats(alpha))
    return np.asarray((depth + np.log1p(depth)) / units)


def always_valid_critical(
    units: npt.ArrayLike, tuning_units: npt.ArrayLike, *, alpha: npt.ArrayLike = 0.05
) -> FloatArray:
    """Multiple of the standard error that holds at all looks together.

    sqrt(2 (N rho^2 + 1) / (N rho^2) log(sqrt(N rho^2 + 1) / alpha)) with N units so
    far: Waudby-Smith et al. (2021), equation 9. NaN where there are no units.
    """
    grown = floats(units) * mixture_precision(tuning_units, alpha=alpha)
    with undefined_is_nan():
        depth = 0.5 * np.log1p(grown) - np.log(floats(alpha))
        return np.asarray(np.sqrt(2 * (grown + 1) / grown * depth))


def always_valid_test(
    contrast: Contrast, *, tuning_units: npt.ArrayLike, alpha: npt.ArrayLike = 0.05
) -> Estimate:
    """Asymptotic confidence sequence of a contrast at one look, with its p-value.

    p = min(1, sqrt(N rho^2 + 1) exp(-z^2 N rho^2 / (2 (N rho^2 + 1)))), the level at
    which the interval just touches 0: Waudby-Smith et al. (2021), equations 9 and 155.
    Under no effect the chance that p is ever below alpha, over any number of looks, is
    at most alpha, asymptotically. A relative contrast gives the relative sequence.
    """
    grown = contrast.units * mixture_precision(tuning_units, alpha=alpha)
    with undefined_is_nan():
        statistic = contrast.difference / np.sqrt(contrast.variance)
        log_p = 0.5 * np.log1p(grown) - statistic**2 * grown / (2 * (grown + 1))
    return judged(
        replace(contrast, dof=np.full(contrast.variance.shape, np.inf)),
        always_valid_critical(contrast.units, tuning_units, alpha=alpha),
        log_alpha=np.log(floats(alpha)),
        log_p=np.minimum(log_p, 0.0),
    )


def running_bounds(
    lower: FloatArray, upper: FloatArray, *, axis: int = -1
) -> tuple[FloatArray, FloatArray]:
    """Intersection of a confidence sequence up to each look along ``axis``.

    Looks without an interval (NaN) pass the bounds on. Where the intersection is empty,
    lower exceeds upper: the assumption of one constant effect is refused.
    """
    low = np.maximum.accumulate(np.where(np.isnan(lower), -np.inf, lower), axis=axis)
    high = np.minimum.accumulate(np.where(np.isnan(upper), np.inf, upper), axis=axis)
    return low, high


def running_log_p(log_p: FloatArray, *, axis: int = -1) -> FloatArray:
    """Least log p up to each look along ``axis``: an always-valid p stays where it was.

    0 (p = 1) before the first look with a value.
    """
    filled = np.where(np.isnan(log_p), 0.0, log_p)
    return np.asarray(np.minimum.accumulate(filled, axis=axis))


def bernoulli_sequence(
    count: int, hits: int, *, tuning_count: float, alpha: float = 0.05
) -> tuple[float, float]:
    """Confidence sequence of one rate by the two-sided beta-binomial mixture.

    The rates p whose mixture martingale, with prior Beta(r p, r (1 - p)), stays below
    1 / alpha. The prior's size r follows from ``tuning_count``, the sample at which the
    sequence is to be tightest: Howard, Ramdas, McAuliffe & Sekhon (2021), Annals of
    Statistics 49, 1055-1080, section 3.2. Raises ``ValueError`` when
    hits are negative or exceed the count.
    """
    check_share("alpha", alpha)
    if not 0 <= hits <= count:
        raise ValueError(f"hits must lie between 0 and count, got {hits} of {count}")
    if count == 0:
        return 0.0, 1.0
    threshold = -np.log(alpha)
    size = _prior_size(tuning_count, alpha)
    observed = hits / count

    def excess(rate: float) -> float:
        a, b = size * rate, size * (1 - rate)
        log_mixture = special.betaln(a + hits, b + count - hits) - special.betaln(a, b)
        log_null = special.xlogy(hits, rate) + special.xlog1py(count - hits, -rate)
        return float(log_mixture - log_null - threshold)

    least = 1e-12
    middle = min(max(observed, least), 1 - least)
    lower = 0.0 if hits == 0 else float(optimize.brentq(excess, least, middle))
    upper = 1.0 if hits == count else float(optimize.brentq(excess, middle, 1 - least))
    return lower, upper


def _prior_size(tuning_count: float, alpha: float) -> float:
    """Prior counts r = n / (2 log(1 / alpha) + log(1 + 2 log(1 / alpha))) - 1."""
    return max(1 / float(mixture_precision(tuning_count, alpha=alpha)) - 1, 1e-3)
