"""Groups of comparisons that are read together: slices, and days of a calendar.

Here belong Benjamini-Hochberg over the slices of a look, Cochran's Q over the values of
a slice, and the slope of an effect over calendar days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from dagster_project.analysis.experiment_results.frames import ALL, CALENDAR_DAY
from dagster_project.analysis.experiment_results.positions import Layout
from dagster_project.analysis.experiments.arrays import (
    BoolArray,
    FloatArray,
    fieldwise,
)
from dagster_project.analysis.experiments.battery import Battery
from dagster_project.analysis.experiments.heterogeneity import (
    Heterogeneity,
    cochran_q,
    novelty_slope,
)
from dagster_project.analysis.experiments.multiplicity import benjamini_hochberg

LOOK: Final = ["experiment_name", "view", "day_number", "is_uncapped"]
DIMENSION: Final = [*LOOK, "dimension"]
COURSE: Final = ["experiment_name", "view", "dimension", "dimension_value"]


@dataclass(frozen=True)
class Grouped:
    """Groups (rows of a layout) as a block: ``place`` (members, 2) = group, member."""

    members: npt.NDArray[np.intp]
    place: tuple[npt.NDArray[Any], npt.NDArray[Any]]
    shape: tuple[int, int]

    def block(self, values: FloatArray) -> FloatArray:
        """``values`` (u, ...) as (groups, members, ...), NaN where there is none."""
        block = np.full((*self.shape, *values.shape[1:]), np.nan)
        block[self.place] = values[self.members]
        return block

    def flat(self, block: FloatArray, count: int) -> FloatArray:
        """The way back, NaN for rows that are in no group."""
        values = np.full((count, *block.shape[2:]), np.nan)
        values[self.members] = block[self.place]
        return values


def grouped(units: pd.DataFrame, which: BoolArray, keys: list[str]) -> Grouped:
    """Group the rows of a layout that are chosen, in the order of their keys."""
    members = np.flatnonzero(which)
    rows = units.iloc[members].groupby(keys, dropna=False, sort=True)
    group = rows.ngroup().to_numpy(dtype=np.int64)
    member = rows.cumcount().to_numpy(dtype=np.int64)
    shape = (int(group.max(initial=-1)) + 1, int(member.max(initial=-1)) + 1)
    return Grouped(members, (group, member), shape)


@dataclass(frozen=True)
class Together:
    """What comparisons say in company, all (u, m, a - 1), NaN outside a family.

    ``slice_p_value`` adjusted over all slices, metrics and treatments of a look;
    ``heterogeneity`` over the values of a dimension; ``slope`` change of the effect per
    calendar day up to the row's own (all units only), in the metric's unit,
    ``slope_log_p`` its log p.
    """

    slice_p_value: FloatArray
    heterogeneity_q: FloatArray
    heterogeneity_p_value: FloatArray
    i_squared: FloatArray
    slope: FloatArray
    slope_log_p: FloatArray


def together(layout: Layout, battery: Battery, alpha: float) -> Together:
    """Judge slices and days together; ``alpha`` is the level of the slices' family."""
    units = layout.units
    is_slice = (units["dimension"] != ALL).to_numpy()
    spread = _heterogeneity(units, is_slice, battery)
    slope, log_p = _slopes(units, battery)
    return Together(
        slice_p_value=_slice_p(units, is_slice, battery, alpha),
        heterogeneity_q=spread.q,
        heterogeneity_p_value=spread.p_value,
        i_squared=spread.i_squared,
        slope=slope,
        slope_log_p=log_p,
    )


def _slice_p(
    units: pd.DataFrame, which: BoolArray, battery: Battery, alpha: float
) -> FloatArray:
    p = battery.fixed.absolute.p_value
    groups = grouped(units, which, LOOK)
    block = groups.block(p)
    family = block.reshape(block.shape[0], int(np.prod(block.shape[1:])))
    found = benjamini_hochberg(family, alpha=alpha).p_value
    return groups.flat(found.reshape(block.shape), len(units))


def _heterogeneity(
    units: pd.DataFrame, which: BoolArray, battery: Battery
) -> Heterogeneity:
    groups = grouped(units, which, DIMENSION)
    contrast = battery.contrast
    found = cochran_q(
        groups.block(contrast.difference), groups.block(contrast.variance), axis=1
    )

    def spread_out(values: FloatArray) -> FloatArray:
        repeated = np.broadcast_to(
            values[:, np.newaxis], (*groups.shape, *values.shape[1:])
        )
        return groups.flat(repeated, len(units))

    return fieldwise(spread_out, found)


def _slopes(units: pd.DataFrame, battery: Battery) -> tuple[FloatArray, FloatArray]:
    """At each calendar day the line through the days so far, of all units."""
    which = ((units["view"] == CALENDAR_DAY) & (units["dimension"] == ALL)).to_numpy()
    groups = grouped(units, which, [*COURSE, "is_uncapped"])
    # Groups are sorted by day number, so that members follow one another in time.
    effect = np.moveaxis(groups.block(battery.contrast.difference), 1, -1)
    noise = np.moveaxis(groups.block(battery.contrast.variance), 1, -1)
    number = groups.block(units["day_number"].to_numpy(dtype=np.float64))
    days = np.nan_to_num(number)[:, np.newaxis, np.newaxis, :]
    slope, log_p = np.full((2, *effect.shape), np.nan)
    for last in range(effect.shape[-1]):
        seen = slice(0, last + 1)
        found = novelty_slope(effect[..., seen], noise[..., seen], days[..., seen])
        slope[..., last], log_p[..., last] = found.estimate, found.log_p
    count = len(units)
    return (
        groups.flat(np.moveaxis(slope, -1, 1), count),
        groups.flat(np.moveaxis(log_p, -1, 1), count),
    )
