"""The rule that decides, over every combination of facts."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from dagster_project.analysis.experiments.decisions import (
    Ground,
    Role,
    Verdict,
    decided,
    ground_names,
    guarded_power,
    success_alpha,
    verdict_names,
)

ROLES = [Role.SUCCESS, Role.SUCCESS, Role.GUARDRAIL, Role.GUARDRAIL, Role.SECONDARY]


def decide(
    superior: tuple[int, ...],
    cleared: tuple[int, ...],
    worse: tuple[int, ...],
    *,
    quality: bool = True,
    information: float = 1.0,
    roles: list[int] = ROLES,
) -> tuple[str, tuple[str, ...]]:
    found = decided(
        roles=roles,
        is_superior=np.array(superior)[:, None],
        is_non_inferior=np.array(cleared)[:, None],
        is_deteriorated=np.array(worse)[:, None],
        quality_passed=[quality],
        information=[information],
    )
    return verdict_names(found.verdict)[0], ground_names(found.grounds)[0]


def test_the_rule_holds_for_every_combination() -> None:
    for bits in product([0, 1], repeat=8):
        s1, s2, g1, g2, worse, quality, complete, noise = bits
        verdict, grounds = decide(
            (s1, s2, noise, 0, noise),
            (noise, noise, g1, g2, 0),
            (worse, 0, 0, 0, noise),
            quality=bool(quality),
            information=1.0 if complete else 0.4,
        )
        may_ship = (s1 or s2) and g1 and g2 and not worse and quality
        assert (verdict == "ship") == bool(may_ship)
        if not quality:
            assert verdict == "invalid"
            assert "quality_failed" in grounds
        elif worse:
            assert verdict == "stop_harm"
        elif not may_ship:
            assert verdict == ("do_not_ship" if complete else "keep_running")
        assert ("plan_incomplete" in grounds) == (not complete)
        assert ("superior_metric" in grounds) == bool(s1 or s2)
        assert ("guardrails_cleared" in grounds) == bool(g1 and g2)
        assert ("guardrail_not_cleared" in grounds) == (not (g1 and g2))


def test_a_guardrail_may_do_harm_too_and_a_secondary_metric_may_not() -> None:
    harmed = decide((1, 0, 0, 0, 0), (0, 0, 1, 1, 0), (0, 0, 1, 0, 0))
    assert harmed[0] == "stop_harm"
    unharmed = decide((1, 0, 0, 0, 0), (0, 0, 1, 1, 0), (0, 0, 0, 0, 1))
    assert unharmed[0] == "ship"


def test_without_guardrails_none_is_missing_and_none_is_praised() -> None:
    verdict, grounds = decide((1,), (0,), (0,), roles=[Role.SUCCESS])
    assert verdict == "ship"
    assert grounds == ("superior_metric",)


def test_without_success_metrics_nothing_ships() -> None:
    verdict, grounds = decide((1,), (1,), (0,), roles=[Role.GUARDRAIL])
    assert verdict == "do_not_ship"
    assert "no_success_metric" in grounds


def test_two_treatments_may_both_ship() -> None:
    found = decided(
        roles=[Role.SUCCESS],
        is_superior=[[True, True, False]],
        is_non_inferior=[[False] * 3],
        is_deteriorated=[[False] * 3],
        quality_passed=[True],
        information=[0.3],
    )
    assert verdict_names(found.verdict).tolist() == ["ship", "ship", "keep_running"]
    assert found.missing_information.tolist() == pytest.approx([0.7] * 3)
    assert found.superior_count.tolist() == [1, 1, 0]


def test_unknown_information_is_an_incomplete_plan_and_no_metric_is_none() -> None:
    found = decided(
        roles=[Role.SUCCESS, -1],
        is_superior=[[False], [True]],
        is_non_inferior=[[False], [False]],
        is_deteriorated=[[False], [True]],
        quality_passed=[True],
        information=[np.nan],
    )
    assert found.verdict[0] == Verdict.KEEP_RUNNING
    assert found.grounds[0] == Ground.NO_SUPERIOR_METRIC | Ground.PLAN_INCOMPLETE


def test_levels_and_powers_of_the_parts() -> None:
    assert success_alpha(2, 3) == pytest.approx(0.05 / 6)
    assert success_alpha(0, 1) == 0.05
    assert guarded_power(3) == pytest.approx(0.95)
