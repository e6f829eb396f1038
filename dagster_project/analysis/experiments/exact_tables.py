"""Exact unconditional tests of two small proportions.

Here belong Boschloo's and Barnard's tests of one 2 x 2 table. When they are used is
said in ``two_proportions``.

Given the total of conversions s, how they fall on the two arms is hypergeometric
whatever the common rate p. So the chance of a rejection region is a mixture over s,
sum over s of Binomial(s; N, p) h(s), where h(s) is the region's conditional chance:
one vector per table, and a maximum over one number p.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from scipy import special

from dagster_project.analysis.experiments.arrays import FloatArray

# Largest grid of (total, conversions of the control) that is laid out: 32 MB.
MAX_CELLS: Final = 4_000_000
# Up to so many units the whole range of the common rate is searched; above it the
# rate's confidence interval at 1 - RATE_DOUBT is, and RATE_DOUBT is added to p.
FULL_RANGE_UNITS: Final = 300
RATE_DOUBT: Final = 1e-10
_LEAST_RATES: Final = 9
_ZOOMS: Final = 4
# Equal tails differ by rounding: two tables with the same statistic are one.
_TIE: Final = 1 + 1e-10


@dataclass(frozen=True)
class ExactTable:
    """One table: units and conversions of control and treatment (whole numbers)."""

    control_units: int
    control_hits: int
    treatment_units: int
    treatment_hits: int


@dataclass(frozen=True)
class _Grid:
    """All tables by total and control conversions; ``chance`` is hypergeometric."""

    totals: FloatArray
    control_hits: FloatArray
    chance: FloatArray
    units: int
    rates: tuple[float, float]
    doubt: float

    @cached_property
    def sides(self) -> tuple[tuple[FloatArray, FloatArray], ...]:
        """The chance with its tails, counted from few control conversions and many."""
        both = self.chance, self.chance[:, ::-1]
        return tuple((chance, np.cumsum(chance, axis=1)) for chance in both)

    @cached_property
    def whole_range(self) -> tuple[FloatArray, FloatArray]:
        """Common rates over all of their range, as `_totals_chance` gives them."""
        low, high = (float(np.arcsin(np.sqrt(rate))) for rate in self.rates)
        # The binomial's deviation is 1 / (2 sqrt N) in arcsine: two rates to each.
        steps = int(4 * (high - low) * np.sqrt(self.units)) + _LEAST_RATES
        angle = np.linspace(low, high, steps)
        return angle, _totals_chance(self, angle)


def boschloo_p(table: ExactTable) -> float | None:
    """Two-sided p of Boschloo's test: twice the smaller one-sided p, at most 1.

    The statistic is Fisher's one-sided p; uniformly more powerful than Fisher's test.
    None when the table is too big to lay out. Boschloo (1970), Statistica Neerlandica
    24, 1-9; above ``FULL_RANGE_UNITS`` units with the rate restricted as in Berger &
    Boos (1994), JASA 89, 1012-1016.
    """
    turned = _fewer_hits(table)
    grid = _grid_of(turned)
    if grid is None:
        return None
    at = int(turned.control_hits + turned.treatment_hits - grid.totals[0])
    places = turned.control_hits, -1 - turned.control_hits
    found = []
    for (chance, tail), place in zip(grid.sides, places, strict=True):
        inside = tail <= tail[at, place] * _TIE
        found.append(_supremum(grid, np.where(inside, chance, 0.0).sum(axis=1)))
    return min(1.0, 2 * (min(found) + grid.doubt))


def barnard_p(table: ExactTable) -> float | None:
    """Two-sided p of Barnard's test with the pooled z statistic; None if too big.

    Barnard (1947), Biometrika 34, 123-138.
    """
    turned = _fewer_hits(table)
    grid = _grid_of(turned)
    if grid is None:
        return None
    size = np.abs(_pooled_z(turned, grid))
    at = int(turned.control_hits + turned.treatment_hits - grid.totals[0])
    inside = size * _TIE >= size[at, turned.control_hits]
    region = np.where(inside, grid.chance, 0.0).sum(axis=1)
    return min(1.0, _supremum(grid, region) + grid.doubt)


def _pooled_z(table: ExactTable, grid: _Grid) -> FloatArray:
    n_c, n_t = table.control_units, table.treatment_units
    total, control = grid.totals[:, np.newaxis], grid.control_hits[np.newaxis, :]
    rate = total / (n_c + n_t)
    error = np.sqrt(rate * (1 - rate) * (1 / n_c + 1 / n_t))
    gap = (total - control) / n_t - control / n_c
    return np.asarray(np.where(error > 0, gap / np.where(error > 0, error, 1), 0.0))


def _fewer_hits(table: ExactTable) -> ExactTable:
    """Count the rarer of success and failure: the same test on a smaller grid."""
    hits = table.control_hits + table.treatment_hits
    units = table.control_units + table.treatment_units
    if 2 * hits <= units:
        return table
    return ExactTable(
        table.control_units,
        table.control_units - table.control_hits,
        table.treatment_units,
        table.treatment_units - table.treatment_hits,
    )


def _grid_of(table: ExactTable) -> _Grid | None:
    hits = table.control_hits + table.treatment_hits
    return _grid(table.control_units, table.treatment_units, hits)


@lru_cache(maxsize=1)
def _grid(n_c: int, n_t: int, hits: int) -> _Grid | None:
    """Lay out all tables of these margins; kept for the next one of the same."""
    units = n_c + n_t
    low, high, doubt, first, last = 0.0, 1.0, 0.0, 0, units
    if units > FULL_RANGE_UNITS:
        doubt = RATE_DOUBT
        low, high, first, last = _likely_range(units, hits)
    widest = min(n_c, last)
    if (last - first + 1) * (widest + 1) > MAX_CELLS:
        return None
    totals = np.arange(first, last + 1, dtype=np.float64)
    control = np.arange(widest + 1, dtype=np.float64)
    treated = totals[:, np.newaxis] - control
    possible = (treated >= 0) & (treated <= n_t)
    ways = _log_choose(n_t, np.arange(min(n_t, last) + 1, dtype=np.float64))
    log_chance = _log_choose(n_c, control) - _log_choose(units, totals)[:, np.newaxis]
    log_chance += ways[np.where(possible, treated, 0).astype(np.int64)]
    chance = np.exp(np.where(possible, log_chance, -np.inf))
    return _Grid(totals, control, chance, units, (low, high), doubt)


def _likely_range(units: int, hits: int) -> tuple[float, float, int, int]:
    """Interval of the common rate at 1 - ``RATE_DOUBT``, and totals it can give."""
    low = 0.0
    if hits:
        low = float(special.betaincinv(hits, units - hits + 1, RATE_DOUBT / 2))
    high = float(special.betainccinv(hits + 1, units - hits, RATE_DOUBT / 2))
    # Nine deviations of a Poisson count leave out less than 1e-14 of it.
    first = max(0, int(units * low - 9 * np.sqrt(units * low)))
    last = min(units, int(units * high + 9 * np.sqrt(units * high) + 40))
    return low, high, first, last


def _log_choose(n: float, k: FloatArray) -> FloatArray:
    return np.asarray(
        special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    )


def _supremum(grid: _Grid, region: FloatArray) -> float:
    """Largest chance of the region over the common rate, by a grid and zooms."""
    angle, totals_chance = grid.whole_range
    low, high = float(angle[0]), float(angle[-1])
    best = 0.0
    for zoom in range(_ZOOMS):
        if zoom:
            angle = np.linspace(low, high, _LEAST_RATES)
            totals_chance = _totals_chance(grid, angle)
        chance = totals_chance @ region
        peak = int(np.argmax(chance))
        best = max(best, float(chance[peak]))
        step = float(angle[1] - angle[0])
        low = max(low, float(angle[peak]) - step)
        high = min(high, float(angle[peak]) + step)
    return best


def _totals_chance(grid: _Grid, angle: FloatArray) -> FloatArray:
    """Binomial chance of each total at each common rate (rates, totals)."""
    rate = np.sin(angle)[:, np.newaxis] ** 2
    log_total = _log_choose(grid.units, grid.totals)
    log_total = log_total + special.xlogy(grid.totals, rate)
    log_total += special.xlog1py(grid.units - grid.totals, -rate)
    return np.asarray(np.exp(log_total))
