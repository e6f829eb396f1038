"""Plans: sizes by published calculators, whole weeks, and what cannot be planned."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scipy import stats

from dagster_project.analysis.experiment_plan import History, Wish, planned

SHARE = History("buyers", 0.2, 0.4, is_proportion=True, units_per_day=500.0)
AMOUNT = History("revenue", 50.0, 80.0, is_proportion=False, units_per_day=100.0)


def test_a_share_needs_what_the_known_calculator_says() -> None:
    # Evan Miller's calculator: 20 % baseline, 5 points absolute: 1,030 an arm.
    plan = planned(SHARE, Wish(mde=0.25))
    assert plan.needed_units == pytest.approx(2 * 1_030, abs=2)
    assert plan.days == 7


def test_an_amount_needs_what_the_formula_says() -> None:
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    plan = planned(AMOUNT, Wish(mde=0.1))
    needed = 2 * (z * 80 / 5) ** 2
    assert plan.needed_units == math.ceil(2 * needed)
    assert plan.days % 7 == 0
    assert plan.days - 7 < plan.units / 100 <= plan.days
    assert plan.detectable == pytest.approx(0.1, rel=0.01)


def test_arms_and_guardrails_ask_for_more() -> None:
    plain = planned(AMOUNT, Wish(mde=0.1)).needed_units
    assert planned(AMOUNT, Wish(0.1, treatments=2)).needed_units > 1.5 * plain
    assert planned(AMOUNT, Wish(0.1, guardrails=2)).needed_units > plain


def test_a_template_is_the_least() -> None:
    plan = planned(SHARE, Wish(mde=0.25), least_units=9_000, least_days=28)
    assert (plan.units, plan.days) == (9_000, 28)
    assert plan.detectable is not None
    assert plan.detectable < 0.25


@pytest.mark.parametrize(
    ("history", "mde", "words"),
    [
        (replace(AMOUNT, level=0.0), 0.1, "has been 0"),
        (replace(AMOUNT, units_per_day=0.0), 0.1, "no units come"),
        (replace(SHARE, level=0.8), 0.5, "out of its range"),
    ],
)
def test_what_cannot_be_planned_says_why(
    history: History, mde: float, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        planned(history, Wish(mde))
