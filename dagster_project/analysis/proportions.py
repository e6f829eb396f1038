"""Intervals for proportions.

Here belong estimates from counts of successes; comparisons of two proportions come
with the experiments.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray = npt.NDArray[np.float64]


def wilson_interval(
    successes: npt.ArrayLike, trials: npt.ArrayLike, *, level: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Wilson score interval of a binomial proportion, elementwise.

    Returns lower and upper bounds in [0, 1], NaN where there were no trials. Raises
    ``ValueError`` when successes are negative or exceed the trials. Source: Wilson
    (1927), JASA 22, 209-212; Brown, Cai & DasGupta (2001), equation 4.
    """
    hits = np.asarray(successes, dtype=np.float64)
    count = np.asarray(trials, dtype=np.float64)
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    if np.any(hits < 0) or np.any(hits > count):
        raise ValueError("successes must lie between 0 and the number of trials")
    z = float(stats.norm.isf((1 - level) / 2))
    n = np.where(count > 0, count, np.nan)
    rate = hits / n
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    # At 0 and n successes the bound is exact; rounding would leave 1e-17.
    lower = np.where(hits == 0, 0 * n, np.clip(centre - half, 0, 1))
    upper = np.where(hits == count, 0 * n + 1, np.clip(centre + half, 0, 1))
    return lower, upper
