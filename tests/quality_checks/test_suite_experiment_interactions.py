"""Interactions of experiments: what passes, and what each breakage is caught by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from dagster_project.analysis.experiment_results.results import results_of
from dagster_project.experiment_frames import tables_of
from dagster_project.tables import EXPERIMENT_INTERACTIONS
from dagster_project.warehouse import Warehouse
from quality_checks.runner import run_suite
from quality_checks.suites.experiment_interactions import experiment_interactions_suite
from quality_checks.verdict import Verdict
from tests.analysis.experiment_results.experiments_of_test import (
    Declared,
    frames_of,
    overlaps_of,
)

NotPassed = Callable[[Verdict], dict[str, str]]
SUITE = experiment_interactions_suite()
ROW = "where metric_name = 'spend'"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with real interactions, one of them planted."""
    path = tmp_path_factory.mktemp("interactions") / "warehouse.duckdb"
    pair = Declared("button", units=50), Declared("price", units=50)
    frames = frames_of(*pair, last=3)
    _, cells = overlaps_of(*pair, change=1.0)
    frames = replace(frames, overlaps=cells)
    tables = tables_of(results_of(frames), frames.metrics.assign(unit="USD"))
    warehouse = Warehouse(path, 2, "1GB", path.parent)
    warehouse.write(EXPERIMENT_INTERACTIONS, tables[EXPERIMENT_INTERACTIONS])
    return path


def test_a_found_interaction_is_shown_and_stops_nothing(
    made: Path, not_passed: NotPassed
) -> None:
    verdict = run_suite(SUITE, made)
    assert not_passed(verdict) == {"experiments_leave_one_another_alone": "warned"}
    assert len(verdict.results) == 6


@pytest.mark.parametrize(
    ("breakage", "check"),
    [
        (f"set p_value = 0.9, adjusted_p_value = 0.9 {ROW}", "figures_agree"),
        (f"set adjusted_p_value = p_value / 2 {ROW}", "figures_agree"),
        (f"set interaction = interaction_upper + 1 {ROW}", "figures_agree"),
        (f"set is_significant = not is_significant {ROW}", "figures_agree"),
        (f"set joint_p_value = 1.2 {ROW}", "figures_are_numbers"),
        (f"set std_error = 'inf' {ROW}", "figures_are_numbers"),
        (f"set reason = 'empty_arm' {ROW}", "null_exactly_with_a_reason"),
        (f"set p_value = null {ROW}", "null_exactly_with_a_reason"),
        ("set metric_name = 'spend'", "key_is_unique"),
        (f"set other_experiment_name = experiment_name {ROW}", "key_is_unique"),
        (f"set config_hash = null {ROW}", "key_is_unique"),
    ],
)
def test_each_breakage_is_caught(
    made: Path, tmp_path: Path, not_passed: NotPassed, breakage: str, check: str
) -> None:
    path = tmp_path / "broken.duckdb"
    path.write_bytes(made.read_bytes())
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"update {EXPERIMENT_INTERACTIONS.qualified} {breakage}")
    found = not_passed(run_suite(SUITE, path))
    assert found.get(check) == "failed"
