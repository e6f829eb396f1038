"""Do units arrive in the arms as the weights say?

Here belong the chi-squared test, its sequential counterpart over days, the band of a
share and traffic where none should be. Counts may have any leading axes (experiments,
slices); the arms are the last one, and days the one before it where a test runs over
days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

from dagster_project.analysis.experiments.arrays import (
    BoolArray,
    CodeArray,
    FloatArray,
    check_share,
    floats,
    undefined_is_nan,
)
from dagster_project.analysis.experiments.reasons import Reason, first_reason

# Prior counts of the sequential test: how near to the weights a mismatch is expected.
CONCENTRATION: Final = 10_000.0
ALARM: Final = 0.001


@dataclass(frozen=True)
class SampleRatio:
    """Test of the arms' shares, all (...).

    ``statistic`` is Pearson's chi-squared; ``p_value`` and ``log_p`` NaN with a
    ``reason``; ``is_mismatch`` where p < alpha or an arm of weight 0 has units
    (``has_stray_units``).
    """

    statistic: FloatArray
    p_value: FloatArray
    log_p: FloatArray
    has_stray_units: BoolArray
    is_mismatch: BoolArray
    reason: CodeArray


def sample_ratio_test(
    counts: npt.ArrayLike, weights: npt.ArrayLike, *, alpha: float = ALARM
) -> SampleRatio:
    """Pearson's chi-squared test of ``counts`` (..., arms) against ``weights``.

    Weights broadcast to the counts and need not sum to 1; an arm of weight 0 (or NaN:
    no such arm) is left out. Null with ``EMPTY_ARM`` without units, with
    ``TOO_FEW_UNITS`` where fewer than two arms have weight. Pearson (1900). Raises
    ``ValueError`` for negative counts or weights.
    """
    check_share("alpha", alpha)
    seen, share, planned = _planned(counts, weights)
    total = np.where(planned, seen, 0.0).sum(axis=-1)
    arms = planned.sum(axis=-1)
    with undefined_is_nan():
        expected = share * total[..., np.newaxis]
        terms = np.where(planned, (seen - expected) ** 2 / expected, 0.0)
    statistic = terms.sum(axis=-1)
    reason = first_reason(
        (arms < 2, Reason.TOO_FEW_UNITS), (total <= 0, Reason.EMPTY_ARM)
    )
    known = np.where(reason == Reason.NONE, 1.0, np.nan)
    log_p = _log_chi_squared_tail(statistic, np.maximum(arms - 1, 1)) * known
    stray = np.where(planned, 0.0, seen).sum(axis=-1) > 0
    return SampleRatio(
        statistic=statistic * known,
        p_value=np.exp(log_p),
        log_p=log_p,
        has_stray_units=stray,
        is_mismatch=stray | (log_p < np.log(alpha)),
        reason=reason,
    )


def _planned(
    counts: npt.ArrayLike, weights: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, BoolArray]:
    seen, weight = np.broadcast_arrays(floats(counts), np.nan_to_num(floats(weights)))
    if np.any(seen < 0) or np.any(weight < 0):
        raise ValueError("counts and weights must not be negative")
    planned = weight > 0
    with undefined_is_nan():
        share = weight / weight.sum(axis=-1, keepdims=True)
    return np.nan_to_num(seen), share, planned


def _log_chi_squared_tail(statistic: FloatArray, freedom: FloatArray) -> FloatArray:
    """Log of P(chi2 > statistic); by its asymptotic series where it underflows."""
    a, x = freedom / 2, statistic / 2
    with undefined_is_nan():
        log_p = np.log(special.gammaincc(a, x))
        # Gamma(a, x) = x^(a-1) e^-x (1 + (a-1)/x + (a-1)(a-2)/x^2 + ...), NIST 8.11.2.
        series = 1 + (a - 1) / x * (1 + (a - 2) / x * (1 + (a - 3) / x))
        deep = (a - 1) * np.log(x) - x - special.gammaln(a) + np.log(series)
    return np.asarray(np.where(x > 600, deep, log_p))


def sequential_log_p(
    counts: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    concentration: float = CONCENTRATION,
) -> FloatArray:
    """Log p after each day of a sample-ratio test that may be read every day.

    ``counts`` (..., days, arms) are cumulative units, ``weights`` broadcast to them.
    p = 1 / (largest Bayes factor so far) of a Dirichlet-multinomial, with prior counts
    ``concentration`` x weights, against the weights themselves: under them the factor
    is a martingale, so the chance that p ever falls below alpha is at most alpha.
    Lindon & Malek (2020), arXiv:2011.03567, equations 4 and 9. Shape (..., days); 0
    (p = 1) before the first unit.
    """
    if concentration <= 0:
        raise ValueError(f"concentration must be positive, got {concentration}")
    seen, share, planned = _planned(counts, weights)
    prior = np.where(planned, concentration * share, 1.0)
    used = np.where(planned, seen, 0.0)
    gained = special.gammaln(prior + used) - special.gammaln(prior)
    whole = used.sum(axis=-1)
    log_factor = (
        np.where(planned, gained - special.xlogy(used, share), 0.0).sum(axis=-1)
        - special.gammaln(concentration + whole)
        + special.gammaln(concentration)
    )
    return np.asarray(np.minimum(-np.maximum.accumulate(log_factor, axis=-1), 0.0))


def share_band(
    total: npt.ArrayLike, share: npt.ArrayLike, *, alpha: float = 0.05
) -> tuple[FloatArray, FloatArray]:
    """Where an arm's observed share should lie, share -+ z sqrt(share (1 - share) / n).

    Normal approximation at level 1 - ``alpha``; NaN without units.
    """
    check_share("alpha", alpha)
    planned = floats(share)
    with undefined_is_nan():
        error = np.sqrt(planned * (1 - planned) / floats(total))
        reach = -special.ndtri(alpha / 2) * np.where(np.isfinite(error), error, np.nan)
    return planned - reach, planned + reach
