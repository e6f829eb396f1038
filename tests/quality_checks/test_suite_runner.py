from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from quality_checks.runner import run_suite
from quality_checks.suites.rules import (
    has_columns,
    measured_at_most,
    never_null,
    no_such_rows,
)
from quality_checks.verdict import CheckResult, Expectation, Severity, Suite, Verdict

NotPassed = Callable[[Verdict], dict[str, str]]
Check = Callable[[Verdict, str], CheckResult]
Warehouse = Callable[..., Path]

NUMBERS = "create table numbers as select i, i % 2 = 0 as even from range(30000) n (i)"


def suite(*expectations: Expectation, setup_sql: tuple[str, ...] = ()) -> Suite:
    return Suite("numbers", "numbers", "Numbers are right.", expectations, setup_sql)


def even(severity: Severity = "critical", column: str = "even") -> Expectation:
    return no_such_rows(
        "all_even",
        f"select i, {column} from {{batch}} where not {column}",
        description="all are even",
        cure="Count by two.",
        severity=severity,
    )


@pytest.mark.parametrize(
    ("severity", "status"), [("critical", "failed"), ("warning", "warned")]
)
def test_counts_are_exact_and_examples_few_however_many_rows_fail(
    warehouse: Warehouse, check: Check, severity: Severity, status: str
) -> None:
    verdict = run_suite(suite(even(severity)), warehouse(NUMBERS))
    found = check(verdict, "all_even")
    assert found.status == status
    assert (found.failed_count, found.row_count) == (15_000, 30_000)
    assert found.observed == "15,000 of 30,000 rows (50 %)"
    assert len(found.examples) == 10
    assert found.examples[0] == {"i": 1, "even": False}
    assert found.cure == "Count by two."


def test_a_missing_table_is_an_error_of_every_check(
    warehouse: Warehouse, not_passed: NotPassed, check: Check
) -> None:
    checks = (even("warning"), never_null("i", "numbers", "i", "cure"))
    verdict = run_suite(suite(*checks), warehouse("select 1"))
    assert not_passed(verdict) == {"all_even": "errored", "i_not_null": "errored"}
    assert verdict.blocks
    assert "numbers" in check(verdict, "all_even").observed


def test_a_missing_column_is_an_error_of_its_check_alone(
    warehouse: Warehouse, not_passed: NotPassed, check: Check
) -> None:
    checks = (
        even(column="evn"),
        never_null("j", "numbers", "i", "cure"),
        never_null("i", "numbers", "i", "cure"),
        has_columns(["i", "even"], exactly=True, cure="cure"),
    )
    verdict = run_suite(suite(*checks), warehouse(NUMBERS))
    assert not_passed(verdict) == {"all_even": "errored", "j_not_null": "errored"}
    assert '"evn" not found' in check(verdict, "all_even").observed
    assert "j" in check(verdict, "j_not_null").observed


def test_a_missing_database_is_an_error(tmp_path: Path, not_passed: NotPassed) -> None:
    verdict = run_suite(suite(even("warning")), tmp_path / "no.duckdb")
    assert not_passed(verdict) == {"all_even": "errored"}
    assert "no.duckdb cannot be opened" in verdict.results[0].observed


def test_a_suite_without_expectations_is_an_error(warehouse: Warehouse) -> None:
    verdict = run_suite(suite(), warehouse(NUMBERS))
    assert [r.status for r in verdict.results] == ["errored"]
    assert verdict.blocks


@pytest.mark.parametrize(
    "expectation",
    [
        Expectation("odd", "expect_miracles", {}, "warning", "cure", "description"),
        Expectation(
            "odd",
            "expect_column_values_to_not_be_null",
            {"colum": "i"},
            "warning",
            "cure",
            "description",
        ),
    ],
)
def test_a_rule_that_cannot_be_built_is_an_error_of_its_own(
    warehouse: Warehouse, not_passed: NotPassed, expectation: Expectation
) -> None:
    good = never_null("i", "numbers", "i", "cure")
    verdict = run_suite(suite(expectation, good), warehouse(NUMBERS))
    assert not_passed(verdict) == {"odd": "errored"}


def test_a_measure_that_is_null_or_not_there_never_passes(
    warehouse: Warehouse, not_passed: NotPassed
) -> None:
    def measured(name: str) -> Expectation:
        return measured_at_most(
            name,
            name,
            1.0,
            table="measures",
            severity="critical",
            description="small",
            cure="cure",
            evidence_sql="select null, null, 'x' from measures",
        )

    setup = ("create temp table measures as select 0.5 as small, null::double as gone",)
    checks = [measured(name) for name in ("small", "gone", "absent")]
    database = warehouse(NUMBERS)
    verdict = run_suite(suite(*checks, setup_sql=setup), database)
    assert not_passed(verdict) == {"gone": "failed", "absent": "errored"}
    emptied = (*setup, "truncate measures")
    verdict = run_suite(suite(measured("small"), setup_sql=emptied), database)
    assert verdict.blocks


def test_setup_that_fails_is_never_a_pass(
    warehouse: Warehouse, not_passed: NotPassed
) -> None:
    good = never_null("i", "numbers", "i", "cure")
    verdict = run_suite(
        suite(good),
        warehouse(NUMBERS),
        setup_sql=["create temp view v as from nothing"],
    )
    assert not_passed(verdict) == {"suite_can_run": "errored"}
    assert verdict.blocks


def test_evidence_that_cannot_be_queried_is_an_error(
    warehouse: Warehouse, not_passed: NotPassed
) -> None:
    wrong = Expectation(
        "i_small",
        "expect_column_max_to_be_between",
        {"column": "i", "max_value": 10},
        "critical",
        "cure",
        "description",
        examples_sql="select k from numbers",
    )
    verdict = run_suite(suite(wrong), warehouse(NUMBERS))
    assert not_passed(verdict) == {"i_small": "errored"}


def test_views_over_files_are_judged_in_memory(
    tmp_path: Path, not_passed: NotPassed
) -> None:
    file = tmp_path / "it's.parquet"
    name = str(file).replace("'", "''")
    duckdb.execute(f"copy (select 1 as i, true as even) to '{name}' (format parquet)")
    view = f"create view numbers as from read_parquet('{name}')"
    verdict = run_suite(suite(even()), ":memory:", setup_sql=[view])
    assert not_passed(verdict) == {}


def test_the_file_is_left_as_it_was_and_let_go(warehouse: Warehouse) -> None:
    path = warehouse(NUMBERS)
    before = path.read_bytes()
    setup = ("create temp table measures as select 1 as x",)
    run_suite(suite(even(), setup_sql=setup), path)
    assert path.read_bytes() == before
    # Another configuration is refused while any connection to the file is open.
    with duckdb.connect(str(path), config={"threads": 1}) as connection:
        connection.execute("drop table numbers")


def test_text_of_examples_is_plain(warehouse: Warehouse, check: Check) -> None:
    database = warehouse(
        "create table numbers as select 1 as i, false as even, "
        "1.5::decimal(18, 6) as d, date '2024-01-02' as day, "
        "timestamp '2024-01-02 03:04:05' as at, "
        "'nan'::double as n, null as nothing"
    )
    everything = no_such_rows(
        "none", "select * from {batch}", description="none", cure="cure"
    )
    found = check(run_suite(suite(everything), database), "none")
    assert found.examples == [
        {
            "i": 1,
            "even": False,
            "d": "1.500000",
            "day": "2024-01-02",
            "at": "2024-01-02 03:04:05",
            "n": "nan",
            "nothing": None,
        }
    ]


SILENT_RUN = """
import sys

touched = []

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        touched.append(event)
        raise PermissionError(event)

sys.addaudithook(refuse)

import quality_checks.runner as runner
from quality_checks.suites import anomalies, forecasts, raw_events
from quality_checks.suites.rules import never_null
from quality_checks.verdict import Suite

assert "great_expectations" not in sys.modules, "imported too early"
suite = Suite("s", "t", "d", (never_null("i", "t", "i", "cure"),))
table = "create table t as select 1 as i"
verdict = runner.run_suite(suite, ":memory:", setup_sql=[table])
assert not verdict.blocks, verdict

from great_expectations.data_context.data_context import context_factory
context = context_factory.project_manager._project
assert context.config.analytics_enabled is False
assert touched == [], touched
print("judged in silence")
"""


def test_great_expectations_comes_late_stays_silent_and_calls_nobody() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SILENT_RUN],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "judged in silence\n", "")
