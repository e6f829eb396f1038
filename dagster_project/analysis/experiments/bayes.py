"""Posteriors of an effect, and the prior that past experiments teach.

Here belong the normal posterior with chance to beat control and expected loss, the
prior learned over experiments of a metric, the shrunk effect, and the beta-binomial
comparison of two rates. A posterior is not a stopping rule: looked at daily, a 95 %
chance to win is reached under no effect far more often than 5 %.
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

_SQRT_TWO_PI: Final = float(np.sqrt(2 * np.pi))
# Gauss-Legendre nodes over 24 deviations and more: chances agreed with adaptive
# quadrature to 4e-10 from 5 to a million units.
_NODES: Final = 400
_REACH: Final = 12.0


@dataclass(frozen=True)
class Posterior:
    """Normal posterior of an effect, all (...), in the effect's unit.

    ``chance_to_beat`` is the probability that the treatment is better (in the good
    direction); ``loss_of_treatment`` the expected harm of choosing it where it is
    worse, ``loss_of_control`` the expected gain forgone by keeping the control. NaN
    where effect or variance is.
    """

    mean: FloatArray
    std_dev: FloatArray
    lower: FloatArray
    upper: FloatArray
    chance_to_beat: FloatArray
    loss_of_treatment: FloatArray
    loss_of_control: FloatArray


@dataclass(frozen=True)
class Prior:
    """Normal distribution of the true effects of a metric, (...).

    ``mean`` and ``variance`` (tau^2) between experiments; ``mean_error`` the standard
    error of the mean; ``experiments`` how many taught it. NaN with fewer than 2.
    """

    mean: FloatArray
    variance: FloatArray
    mean_error: FloatArray
    experiments: FloatArray


def posterior_of(
    effect: npt.ArrayLike,
    variance: npt.ArrayLike,
    *,
    prior_mean: npt.ArrayLike = 0.0,
    prior_variance: npt.ArrayLike = np.inf,
    direction: npt.ArrayLike = 1.0,
    alpha: npt.ArrayLike = 0.05,
) -> Posterior:
    """Posterior of a normal effect under a normal prior; an infinite variance is flat.

    Precision-weighted mean; interval at level 1 - ``alpha``; ``direction`` -1 where
    less is good. Expected loss E max(0, -effect) = s phi(m / s) - m Phi(-m / s):
    Stucchi (2015), Bayesian A/B testing at VWO, equation 5, for normal posteriors.
    """
    check_share("alpha", alpha)
    seen, noise = floats(effect), floats(variance)
    known = floats(prior_variance)
    with undefined_is_nan():
        weight = np.where(np.isinf(known), 1.0, known / (known + noise))
        mean = weight * seen + (1 - weight) * floats(prior_mean) + 0 * noise
        spread = np.sqrt(weight * noise)
        z = mean * floats(direction) / spread
        density = np.exp(-0.5 * z**2) / _SQRT_TWO_PI
        harm = spread * (density - z * special.ndtr(-z))
        gain = spread * (density + z * special.ndtr(z))
    reach = -special.ndtri(floats(alpha) / 2) * spread
    return Posterior(
        mean=mean,
        std_dev=spread,
        lower=mean - reach,
        upper=mean + reach,
        chance_to_beat=special.ndtr(z),
        loss_of_treatment=np.maximum(harm, 0.0),
        loss_of_control=np.maximum(gain, 0.0),
    )


def learned_prior(
    effects: npt.ArrayLike,
    variances: npt.ArrayLike,
    *,
    used: BoolArray | None = None,
    axis: int = -1,
) -> Prior:
    """Prior of a metric's effects from past experiments along ``axis``.

    Random-effects moments: tau^2 = max(0, (Q - (k - 1)) / (sum w - sum w^2 / sum w))
    with w = 1 / variance, mean by weights 1 / (variance + tau^2): DerSimonian & Laird
    (1986), Controlled Clinical Trials 7, 177-188. ``used`` masks experiments; effects
    or variances that are NaN or not positive are left out.
    """
    seen, noise = np.broadcast_arrays(floats(effects), floats(variances))
    valid = np.isfinite(seen) & np.isfinite(noise) & (noise > 0)
    valid = valid if used is None else valid & used
    count = valid.sum(axis=axis).astype(np.float64)
    effect = np.where(valid, seen, 0.0)
    with undefined_is_nan():
        weight = np.where(valid, 1 / noise, 0.0)
        total = weight.sum(axis=axis)
        centre = (weight * effect).sum(axis=axis) / total
        apart = effect - np.expand_dims(centre, axis)
        q = (weight * apart**2).sum(axis=axis)
        scale = total - (weight**2).sum(axis=axis) / total
        tau = np.maximum((q - (count - 1)) / scale, 0.0)
        tau = np.where(count >= 2, tau, np.nan)
        shrunk = np.where(valid, 1 / (noise + np.expand_dims(tau, axis)), 0.0)
        precision = shrunk.sum(axis=axis)
        mean = (shrunk * effect).sum(axis=axis) / precision
        error = np.sqrt(1 / np.where(precision > 0, precision, np.nan))
    return Prior(mean, tau, error, count)


def shrunk_effect(
    effect: npt.ArrayLike,
    variance: npt.ArrayLike,
    prior: Prior,
    *,
    direction: npt.ArrayLike = 1.0,
    alpha: npt.ArrayLike = 0.05,
) -> Posterior:
    """The effect drawn towards what the metric's experiments did before.

    The prior's variance is tau^2 plus that of its mean. The raw effect stays beside it:
    the shrunk one predicts better, it is not unbiased. Other arguments as for
    ``posterior_of``.
    """
    return posterior_of(
        effect,
        variance,
        prior_mean=prior.mean,
        prior_variance=prior.variance + prior.mean_error**2,
        direction=direction,
        alpha=alpha,
    )


@dataclass(frozen=True)
class RatePosterior:
    """Comparison of two rates under beta priors, (...)."""

    chance_to_beat: FloatArray
    loss_of_treatment: FloatArray
    loss_of_control: FloatArray


def compared_rates(
    control_count: npt.ArrayLike,
    control_hits: npt.ArrayLike,
    treatment_count: npt.ArrayLike,
    treatment_hits: npt.ArrayLike,
    *,
    prior_hits: float = 1.0,
    prior_misses: float = 1.0,
) -> RatePosterior:
    """Chance that the treatment's rate is higher, and the expected losses.

    Beta posteriors, integrated numerically: P(t > c) = integral of f_t F_c, loss of
    choosing t = E max(0, c - t) = integral of F_t (1 - F_c), both without
    cancellation. The closed sum is in Miller (2014), Formulas for Bayesian A/B testing.
    Raises ``ValueError`` when hits are negative or exceed the units.
    """
    n_c, x_c, n_t, x_t = np.broadcast_arrays(
        *map(floats, (control_count, control_hits, treatment_count, treatment_hits))
    )
    if np.any((x_c < 0) | (x_c > n_c) | (x_t < 0) | (x_t > n_t)):
        raise ValueError("hits must lie between 0 and the units of their arm")
    control = (x_c + prior_hits, n_c - x_c + prior_misses)
    treatment = (x_t + prior_hits, n_t - x_t + prior_misses)
    points, weights = _shared_nodes(control, treatment)
    below_c, below_t = (_beta_cdf(points, *arm) for arm in (control, treatment))
    density = _beta_density(points, *treatment)
    return RatePosterior(
        chance_to_beat=(weights * density * below_c).sum(axis=-1),
        loss_of_treatment=(weights * below_t * (1 - below_c)).sum(axis=-1),
        loss_of_control=(weights * below_c * (1 - below_t)).sum(axis=-1),
    )


_Beta = tuple[FloatArray, FloatArray]


def _shared_nodes(control: _Beta, treatment: _Beta) -> tuple[FloatArray, FloatArray]:
    """Points and weights over the range where either rate may lie."""
    lows, highs = [], []
    for a, b in (control, treatment):
        mean = a / (a + b)
        reach = _REACH * np.sqrt(mean * (1 - mean) / (a + b + 1))
        lows.append(np.maximum(mean - reach, 0.0))
        # A rate near 0 has a long upper tail: 40 expected hits' worth beside.
        highs.append(np.minimum(mean + reach + 40 / (a + b), 1.0))
    low = np.minimum(*lows)[..., np.newaxis]
    high = np.maximum(*highs)[..., np.newaxis]
    unit, weight = np.polynomial.legendre.leggauss(_NODES)
    half = (high - low) / 2
    return low + half * (unit + 1), half * weight


def _beta_cdf(points: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(special.betainc(a[..., np.newaxis], b[..., np.newaxis], points))


def _beta_density(points: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    first, second = a[..., np.newaxis], b[..., np.newaxis]
    log_density = (
        special.xlogy(first - 1, points)
        + special.xlog1py(second - 1, -points)
        - special.betaln(first, second)
    )
    return np.asarray(np.exp(log_density))
