"""The sentence of each verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dagster_project.analysis.experiment_results.words import (
    Case,
    Told,
    lift_in_words,
    sentence_of,
)

PURCHASE = Told("Purchase conversion", 0.112, 0.041, 0.189)
REVENUE = Told("MRR", -0.021, -0.05, 0.008)
LESS = "MRR \N{MINUS SIGN}2.1 % [\N{MINUS SIGN}5.0, 0.8]"
SHIP = Case(
    treatment="variant_a",
    verdict="ship",
    superior=[PURCHASE],
    pending=[],
    worse=[],
    uncleared=[],
    guardrails=2,
    failed_checks=[],
    looks_left=1,
    information=0.92,
)


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (
            SHIP,
            "Ship variant_a: purchase conversion +11.2 % [4.1, 18.9], guardrails "
            "non-inferior, 1 look left; sample 92 % of plan",
        ),
        (
            replace(SHIP, information=1.0, looks_left=0),
            "Ship variant_a: purchase conversion +11.2 % [4.1, 18.9], guardrails "
            "non-inferior; the plan is complete",
        ),
        (
            replace(
                *(SHIP,),
                verdict="keep_running",
                superior=[],
                pending=[PURCHASE],
                uncleared=[REVENUE],
                looks_left=9,
                information=0.41,
            ),
            "Keep running variant_a: purchase conversion +11.2 % [4.1, 18.9] not shown "
            "to be better yet, not shown to be unharmed: MRR, 9 looks left; sample "
            "41 % of plan",
        ),
        (
            replace(
                *(SHIP,),
                verdict="do_not_ship",
                superior=[],
                pending=[REVENUE],
                guardrails=0,
                information=1.0,
            ),
            f"Do not ship variant_a: {LESS} not shown to be better, no "
            "guardrails; the plan is complete",
        ),
        (
            replace(SHIP, verdict="stop_harm", worse=[REVENUE], looks_left=None),
            f"Stop variant_a: {LESS} worse than the control, no new "
            "units lately; sample 92 % of plan",
        ),
        (
            replace(SHIP, verdict="invalid", failed_checks=["the shares are wrong"]),
            "No decision on variant_a: the shares are wrong, so its figures cannot be "
            "trusted; sample 92 % of plan",
        ),
        (
            replace(SHIP, verdict="keep_running", information=0.0),
            "Keep running variant_a: nothing can be said yet; no unit's window has "
            "closed yet",
        ),
    ],
)
def test_sentence(case: Case, sentence: str) -> None:
    assert sentence_of(case) == sentence


def test_many_metrics_are_counted() -> None:
    case = replace(SHIP, superior=[PURCHASE] * 4)
    assert "and 2 more, guardrails" in sentence_of(case)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Told("m", None, None, None), "(lift not known)"),
        (Told("m", 0.5, None, None), "+50.0 % (interval unbounded)"),
        (Told("m", -0.0001, -0.1, 0.1), "0.0 % [\N{MINUS SIGN}10.0, 10.0]"),
    ],
)
def test_lift_in_words(told: Told, words: str) -> None:
    assert lift_in_words(told) == words
