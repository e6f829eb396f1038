"""How many units, how small an effect, how much longer.

Here belong sample sizes, detectable effects, achieved power and remaining time for two
arms. Sample sizes are per arm unless said otherwise.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from dagster_project.analysis.experiments.arrays import (
    FloatArray,
    check_share,
    floats,
    undefined_is_nan,
)


def units_for_means(
    effect: npt.ArrayLike,
    std_dev: npt.ArrayLike,
    *,
    alpha: npt.ArrayLike = 0.05,
    power: npt.ArrayLike = 0.8,
    ratio: npt.ArrayLike = 1.0,
) -> FloatArray:
    """Units of the control so that a two-sided test finds ``effect`` with ``power``.

    (z_{1 - alpha/2} + z_power)^2 s^2 (1 + 1 / ratio) / effect^2 with ``ratio`` =
    treatment / control units; not rounded. Inf at effect 0. For several treatments
    pass the corrected alpha (``alpha_per_treatment``). Normal approximation: Julious
    (2004), Statistics in Medicine 23, 1921-1986, equation 3.
    """
    check_share("alpha", alpha)
    check_share("power", power)
    z = special.ndtri(floats(power)) - special.ndtri(floats(alpha) / 2)
    with np.errstate(divide="ignore"):
        scale = (z * floats(std_dev) / floats(effect)) ** 2
    return np.asarray(scale * (1 + 1 / floats(ratio)))


def alpha_per_treatment(
    treatments: npt.ArrayLike, *, alpha: npt.ArrayLike = 0.05
) -> FloatArray:
    """Bonferroni's level for each of several treatments against one control."""
    check_share("alpha", alpha)
    return np.asarray(floats(alpha) / np.maximum(floats(treatments), 1.0))


def units_for_proportions(
    baseline: npt.ArrayLike,
    effect: npt.ArrayLike,
    *,
    alpha: npt.ArrayLike = 0.05,
    power: npt.ArrayLike = 0.8,
) -> FloatArray:
    """Units per arm so that a two-sided test of rates finds ``effect`` (absolute).

    (z_{1 - alpha/2} sqrt(2 p (1 - p)) + z_power sqrt(p (1 - p) + q (1 - q)))^2 /
    effect^2 with q = p + effect, folded to p <= 1/2: Miller's sample size calculator,
    after Fleiss, Levin & Paik (2003), equation 4.14 with the baseline's variance
    under no effect. Not rounded; NaN where q leaves [0, 1].
    """
    check_share("alpha", alpha)
    check_share("power", power)
    p, change = floats(baseline), floats(effect)
    upper = p > 0.5
    p, change = np.where(upper, 1 - p, p), np.where(upper, -change, change)
    q = p + change
    with undefined_is_nan():
        none = np.sqrt(2 * p * (1 - p))
        some = np.sqrt(p * (1 - p) + q * (1 - q))
        z_alpha = -special.ndtri(floats(alpha) / 2)
        z_power = special.ndtri(floats(power))
        units = ((z_alpha * none + z_power * some) / change) ** 2
    return np.asarray(np.where((q < 0) | (q > 1), np.nan, units))


def detectable_effect(
    std_dev: npt.ArrayLike,
    units: npt.ArrayLike,
    *,
    alpha: npt.ArrayLike = 0.05,
    power: npt.ArrayLike = 0.8,
    ratio: npt.ArrayLike = 1.0,
) -> FloatArray:
    """Least effect that a two-sided t test finds with ``power``, in the metric's unit.

    ``units`` of both arms together, ``ratio`` = treatment / control. Solves the
    non-central t by Newton steps from the normal answer. NaN with fewer than 2 units an
    arm. Divide by the baseline for the relative effect.
    """
    total, share = floats(units), floats(ratio)
    control, treatment = total / (1 + share), total * share / (1 + share)
    with undefined_is_nan():
        error = floats(std_dev) * np.sqrt(1 / control + 1 / treatment)
        dof = np.where(np.minimum(control, treatment) >= 2, total - 2, np.nan)
    return np.asarray(_detectable_shift(dof, alpha, power) * error)


def _detectable_shift(
    dof: FloatArray, alpha: npt.ArrayLike, power: npt.ArrayLike
) -> FloatArray:
    """Non-centrality at which the test has ``power``."""
    check_share("alpha", alpha)
    check_share("power", power)
    wanted = floats(power)
    critical = -special.stdtrit(dof, floats(alpha) / 2)
    shift = critical + special.ndtri(wanted)
    for _ in range(20):
        missed = special.nctdtr(dof, shift, critical) - special.nctdtr(
            dof, shift, -critical
        )
        step = (1 - missed - wanted) / np.exp(-0.5 * special.ndtri(wanted) ** 2)
        step = step * np.sqrt(2 * np.pi)
        shift = shift - step
        if not np.any(np.abs(step) > 1e-12):
            break
    return np.asarray(shift)


def power_to_detect(
    effect: npt.ArrayLike, std_error: npt.ArrayLike, *, alpha: npt.ArrayLike = 0.05
) -> FloatArray:
    """Chance that a two-sided z test at ``alpha`` rejects when ``effect`` is true.

    Both tails count. NaN without a standard error.
    """
    check_share("alpha", alpha)
    with undefined_is_nan():
        shift = floats(effect) / floats(std_error)
    z = -special.ndtri(floats(alpha) / 2)
    return np.asarray(special.ndtr(shift - z) + special.ndtr(-shift - z))


def units_still_needed(
    std_error: npt.ArrayLike,
    units: npt.ArrayLike,
    effect: npt.ArrayLike,
    *,
    alpha: npt.ArrayLike = 0.05,
    power: npt.ArrayLike = 0.8,
) -> FloatArray:
    """Units, both arms together, that are missing to find ``effect`` with ``power``.

    The standard error is taken to shrink with the root of the units. 0 when there are
    enough; NaN without a standard error; inf for effect 0.
    """
    check_share("alpha", alpha)
    check_share("power", power)
    z = special.ndtri(floats(power)) - special.ndtri(floats(alpha) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = floats(units) * (floats(std_error) * z / floats(effect)) ** 2
    return np.asarray(np.maximum(needed - floats(units), 0.0))


def remaining_days(
    missing_units: npt.ArrayLike, units_per_day: npt.ArrayLike
) -> FloatArray:
    """Whole days until the missing units have come; NaN when none will come."""
    missing, pace = np.broadcast_arrays(floats(missing_units), floats(units_per_day))
    with undefined_is_nan():
        days = np.ceil(missing / np.where(pace > 0, pace, np.nan) - 1e-9)
    days = np.where(np.isinf(missing), np.nan, days)
    return np.where(missing == 0, 0.0, days)
