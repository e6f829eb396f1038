"""How many units an experiment needs, and how long they take to come.

Here belongs a plan made of a metric's own history. The formulas of sample sizes are in
``experiments.power``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from dagster_project.analysis.experiments.decisions import guarded_power
from dagster_project.analysis.experiments.power import (
    alpha_per_treatment,
    detectable_effect,
    units_for_means,
    units_for_proportions,
)

# Weekdays differ: a plan covers each as often as the others.
WEEK: Final = 7


@dataclass(frozen=True)
class History:
    """What a metric was like lately: per unit, over the last weeks.

    ``level`` and ``std_dev`` in the metric's unit; ``is_proportion`` a share of units;
    ``units_per_day`` new units that come a day; ``basis`` whose figures they are, in
    words.
    """

    metric_name: str
    level: float
    std_dev: float
    is_proportion: bool
    units_per_day: float
    basis: str = "all active persons"


@dataclass(frozen=True)
class Wish:
    """What an experiment is to find: a relative effect ``mde`` by ``treatments`` arms.

    ``guardrails`` share the planned ``power`` with the success metric.
    """

    mde: float
    treatments: int = 1
    guardrails: int = 0
    alpha: float = 0.05
    power: float = 0.8


@dataclass(frozen=True)
class Plan:
    """Units of all arms and whole weeks of days, and the effect they let one find.

    ``needed_units`` is what power alone asks for. ``detectable`` is relative; None
    where the history has no spread.
    """

    units: int
    days: int
    needed_units: int
    detectable: float | None


def planned(
    history: History, wish: Wish, *, least_units: int = 2, least_days: int = WEEK
) -> Plan:
    """The plan for one success metric, arms of equal size.

    At least ``least_units`` and ``least_days``. Raises ``ValueError`` when the history
    has no level to take a share of, or when no units come.
    """
    if not (math.isfinite(history.level) and history.level):
        raise ValueError(
            f"{history.metric_name} has been 0: nothing to take a share of"
        )
    if not history.units_per_day > 0:
        raise ValueError("no units come: there is no activity in the history")
    arms = wish.treatments + 1
    needed = math.ceil(round(_units_an_arm(history, wish) * arms, 6))
    units = max(needed, least_units)
    days = math.ceil(units / history.units_per_day)
    weeks = max(math.ceil(days / WEEK), math.ceil(least_days / WEEK))
    return Plan(units, weeks * WEEK, needed, _detectable(history, wish, units))


def _units_an_arm(history: History, wish: Wish) -> float:
    alpha = alpha_per_treatment(wish.treatments, alpha=wish.alpha)
    power = guarded_power(wish.guardrails, power=wish.power)
    effect = wish.mde * abs(history.level)
    if history.is_proportion:
        found = units_for_proportions(history.level, effect, alpha=alpha, power=power)
    else:
        found = units_for_means(effect, history.std_dev, alpha=alpha, power=power)
    needed = float(found)
    if not math.isfinite(needed):
        raise ValueError(
            f"{history.metric_name} is {history.level:.3g}: a lift of "
            f"{wish.mde * 100:g} % is out of its range"
        )
    return needed


def _detectable(history: History, wish: Wish, units: int) -> float | None:
    pair = units * 2 / (wish.treatments + 1)
    alpha = alpha_per_treatment(wish.treatments, alpha=wish.alpha)
    power = guarded_power(wish.guardrails, power=wish.power)
    found = float(detectable_effect(history.std_dev, pair, alpha=alpha, power=power))
    return found / abs(history.level) if math.isfinite(found) else None
