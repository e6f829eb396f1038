"""Results of experiments: what passes, and what each breakage is caught by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from dagster_project.analysis.experiment_results.results import results_of
from dagster_project.experiment_frames import tables_of
from dagster_project.warehouse import Warehouse
from quality_checks.runner import run_suite
from quality_checks.suites.experiment_results import (
    experiment_decisions_suite,
    experiment_quality_suite,
    experiment_results_suite,
)
from quality_checks.verdict import Verdict
from tests.analysis.experiment_results.experiments_of_test import Declared, frames_of

NotPassed = Callable[[Verdict], dict[str, str]]
SUITES = (
    experiment_results_suite(),
    experiment_decisions_suite(),
    experiment_quality_suite(),
)
ROW = (
    "where metric_name = 'spend' and view = 'closed' and dimension = 'all' "
    "and day_number = 12"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with real results of an experiment with all views and slices."""
    path = tmp_path_factory.mktemp("results") / "warehouse.duckdb"
    frames = frames_of(
        Declared(lift=0.4, is_whole=True, units=1_500, strata="platform")
    )
    words = frames.metrics.assign(unit="USD")
    warehouse = Warehouse(path, 2, "1GB", path.parent)
    for table, frame in tables_of(results_of(frames), words).items():
        warehouse.write(table, frame)
    return path


def broken(made: Path, folder: Path, *statements: str) -> Path:
    path = folder / "broken.duckdb"
    path.write_bytes(made.read_bytes())
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def test_real_results_pass(made: Path, not_passed: NotPassed) -> None:
    verdicts = [run_suite(suite, made) for suite in SUITES]
    assert [not_passed(verdict) for verdict in verdicts] == [{}] * 3
    assert sum(len(verdict.results) for verdict in verdicts) == 13


def test_what_is_unknown_is_null_and_not_nan(made: Path) -> None:
    with duckdb.connect(str(made), read_only=True) as connection:
        found = connection.execute(
            "select count(*), count(p_value), count(*) filter (isnan(p_value)) "
            "from analysis.experiment_results_daily"
        ).fetchone()
    assert found is not None
    total, known, nan = found
    assert 0 < known < total
    assert nan == 0


@pytest.mark.parametrize(
    ("breakage", "check"),
    [
        (f"set p_value = 0.2 {ROW}", "flag_agrees_with_p_value"),
        (f"set p_value = 1.2 {ROW}", "shares_lie_between_0_and_1"),
        (f"set p_value = null {ROW}", "missing_results_have_a_reason"),
        (f"set reason = 'zero_variance' {ROW}", "undefined_results_are_null"),
        (f"set effect = fixed_upper + 1 {ROW}", "estimate_lies_in_its_interval"),
        (
            f"set sequential_lift = sequential_lift_lower - 1 {ROW}",
            "estimate_lies_in_its_interval",
        ),
        (
            f"set is_always_valid_significant = not is_always_valid_significant {ROW}",
            "flag_agrees_with_interval",
        ),
        (
            f"set is_fixed_significant = not is_fixed_significant {ROW}",
            "flag_agrees_with_interval",
        ),
        (
            f"set stratified_effect = stratified_upper + 1 {ROW}",
            "estimate_lies_in_its_interval",
        ),
        (f"set raw_effect = raw_lower - 1 {ROW}", "estimate_lies_in_its_interval"),
        (f"set stratified_p_value = null {ROW}", "missing_results_have_a_reason"),
        (f"set std_error = 'inf' {ROW}", "figures_are_finite"),
        (f"set config_hash = null {ROW}", "config_hash_not_null"),
        ("set day_number = 12 where day_number = 11", "key_is_unique"),
    ],
)
def test_each_breakage_is_caught(
    made: Path, tmp_path: Path, not_passed: NotPassed, breakage: str, check: str
) -> None:
    path = broken(
        made, tmp_path, f"update analysis.experiment_results_daily {breakage}"
    )
    found = not_passed(run_suite(experiment_results_suite(), path))
    assert check in found


def test_alarms_are_surfaced_and_stop_decisions(
    made: Path, tmp_path: Path, not_passed: NotPassed
) -> None:
    path = broken(
        made,
        tmp_path,
        "update analysis.experiment_quality set is_passed = false "
        "where check_name = 'sample_ratio' and dimension = 'all' and day_date = "
        "(select max(day_date) from analysis.experiment_quality)",
    )
    surfaced = run_suite(experiment_quality_suite(), path)
    assert not_passed(surfaced) == {"experiments_run_as_declared": "warned"}
    decided = run_suite(experiment_decisions_suite(), path)
    assert not_passed(decided) == {"failed_checks_stop_decisions": "failed"}
    heeded = broken(
        path,
        tmp_path.parent,
        "update analysis.experiment_decisions set verdict = 'invalid' where day_date = "
        "(select max(day_date) from analysis.experiment_decisions)",
    )
    assert not_passed(run_suite(experiment_decisions_suite(), heeded)) == {}


def test_a_ship_without_a_superior_metric_is_caught(
    made: Path, tmp_path: Path, not_passed: NotPassed
) -> None:
    statement = "update analysis.experiment_decisions set superior_count = 0"
    path = broken(made, tmp_path, statement)
    found = not_passed(run_suite(experiment_decisions_suite(), path))
    assert found == {"decisions_rest_on_evidence": "failed"}


def test_no_experiments_at_all_pass(
    made: Path, tmp_path: Path, not_passed: NotPassed
) -> None:
    tables = ("results_daily", "decisions", "quality")
    path = broken(
        made, tmp_path, *(f"truncate analysis.experiment_{name}" for name in tables)
    )
    for suite in SUITES:
        assert not_passed(run_suite(suite, path)) == {}
