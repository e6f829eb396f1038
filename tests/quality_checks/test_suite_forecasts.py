from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from quality_checks.runner import run_suite
from quality_checks.suites.forecasts import forecasts_suite
from quality_checks.verdict import CheckResult, Verdict

NotPassed = Callable[[Verdict], dict[str, str]]
Check = Callable[[Verdict, str], CheckResult]
Warehouse = Callable[..., Path]

# Two series, two origins, five days ahead; the first origin is scored.
GOOD = """
    create table analysis.forecasts as
    with rows as (
        select
            metric, origin, h,
            date '2024-03-01' + origin::integer as origin_date,
            100.0 + h as mean,
            case when origin = 0 then 101.0 + h end as actual
        from (values ('signups'), ('revenue')) as metrics (metric)
        cross join range(2) as origins (origin)
        cross join range(1, 6) as horizons (h)
    )
    select
        metric as metric_name, null::varchar as dimension,
        null::varchar as dimension_value, origin_date,
        origin_date + h::integer as target_date, h as horizon_days,
        'weekday_median_1' as model_version, mean::double as mean,
        mean - 5::double as lower_80, mean + 5::double as upper_80,
        mean - 9::double as lower_95, mean + 9::double as upper_95,
        4::double as scale, 60 as training_days, '' as flags,
        actual::double as actual, (actual - mean)::double as error,
        actual between mean - 5 and mean + 5 as in_80,
        actual between mean - 9 and mean + 9 as in_95,
        if(actual is null, null, 18.0)::double as interval_score
    from rows
"""
SCHEMA = "create schema analysis"
ONE = "metric_name = 'signups' and origin_date = '2024-03-01' and horizon_days = 1"
UPDATE = "update analysis.forecasts set {} where " + ONE


def test_good_forecasts_pass(warehouse: Warehouse, not_passed: NotPassed) -> None:
    verdict = run_suite(forecasts_suite(), warehouse(SCHEMA, GOOD))
    assert not_passed(verdict) == {}
    assert len(verdict.results) == 15
    assert {r.row_count for r in verdict.results} == {20}


@pytest.mark.parametrize(
    ("breakage", "expected"),
    [
        (
            f"insert into analysis.forecasts from analysis.forecasts where {ONE}",
            {"key_is_unique"},
        ),
        (
            UPDATE.format("metric_name = null"),
            {"metric_name_not_null"},
        ),
        (UPDATE.format("model_version = null"), {"model_version_not_null"}),
        (UPDATE.format("horizon_days = 2"), {"horizon_is_target_minus_origin"}),
        (UPDATE.format("horizon_days = null"), {"horizon_is_target_minus_origin"}),
        (
            UPDATE.format("target_date = origin_date, horizon_days = 0"),
            {"horizon_is_target_minus_origin"},
        ),
        (UPDATE.format("lower_80 = 91"), {"bounds_are_ordered"}),
        (
            UPDATE.format("upper_80 = mean - 1, in_80 = false"),
            {"bounds_are_ordered"},
        ),
        (
            UPDATE.format(
                "mean = null, error = null, actual = null, in_80 = null, in_95 = null"
            ),
            {"figures_are_finite"},
        ),
        (
            UPDATE.format("upper_95 = 'inf'"),
            {"figures_are_finite", "interval_score_at_least_width"},
        ),
        (UPDATE.format("lower_80 = null, in_80 = null"), {"figures_are_finite"}),
        (
            UPDATE.format("lower_95 = -1, interval_score = 200"),
            {"no_negative_forecast"},
        ),
        (UPDATE.format("training_days = 0"), {"trained_on_something"}),
        (UPDATE.format("scale = -1"), {"trained_on_something"}),
        (UPDATE.format("error = 7"), {"error_is_actual_minus_mean"}),
        (UPDATE.format("error = null"), {"error_is_actual_minus_mean"}),
        (UPDATE.format("in_80 = false"), {"hits_agree_with_bounds"}),
        (UPDATE.format("in_95 = false"), {"hits_agree_with_bounds"}),
        (UPDATE.format("interval_score = 17"), {"interval_score_at_least_width"}),
    ],
)
def test_a_broken_row_fails_its_check(
    warehouse: Warehouse,
    not_passed: NotPassed,
    check: Check,
    breakage: str,
    expected: set[str],
) -> None:
    verdict = run_suite(forecasts_suite(), warehouse(SCHEMA, GOOD, breakage))
    broken = not_passed(verdict)
    assert set(broken.values()) == {"failed"}
    assert set(broken) == expected
    for name in expected:
        found = check(verdict, name)
        assert found.failed_count == 1
        assert len(found.examples) == 1
        assert found.table == "analysis.forecasts"


def test_rows_flagged_without_interval_may_lack_bounds(
    warehouse: Warehouse, not_passed: NotPassed
) -> None:
    bare = UPDATE.format(
        "lower_80 = null, upper_80 = null, lower_95 = null, upper_95 = null, "
        "in_80 = null, in_95 = null, interval_score = null, "
        "flags = 'low_history,no_interval'"
    )
    database = warehouse(SCHEMA, GOOD, bare)
    assert not_passed(run_suite(forecasts_suite(), database)) == {}


def test_metrics_that_may_be_negative_are_named(
    warehouse: Warehouse, not_passed: NotPassed
) -> None:
    negative = (
        "update analysis.forecasts set lower_95 = -3, interval_score = 200 "
        "where metric_name = 'revenue'"
    )
    database = warehouse(SCHEMA, GOOD, negative)
    assert not_passed(run_suite(forecasts_suite(), database)) == {
        "no_negative_forecast": "failed"
    }
    allowed = forecasts_suite(may_be_negative=["revenue", "o'hara {x} :y"])
    assert not_passed(run_suite(allowed, database)) == {}


def test_no_forecasts_is_a_warning(warehouse: Warehouse, not_passed: NotPassed) -> None:
    database = warehouse(SCHEMA, GOOD, "truncate analysis.forecasts")
    verdict = run_suite(forecasts_suite(), database)
    assert not_passed(verdict) == {"forecasts_exist": "warned"}
    assert not verdict.blocks


@pytest.mark.parametrize(
    ("change", "failed_count"),
    [
        ("select 1", 0),
        ("insert into analysis.forecasts from extra", 0),
        (UPDATE.format("mean = mean + 0.5, error = error - 0.5"), 1),
        (f"delete from analysis.forecasts where {ONE}", 1),
        ("delete from analysis.forecasts where metric_name = 'revenue'", 10),
    ],
)
def test_the_ledger_is_never_rewritten(
    warehouse: Warehouse,
    tmp_path: Path,
    not_passed: NotPassed,
    check: Check,
    change: str,
    failed_count: int,
) -> None:
    published = tmp_path / "published.duckdb"
    with duckdb.connect(str(published)) as connection:
        connection.execute(SCHEMA)
        connection.execute(GOOD)
    extra = GOOD.replace("analysis.forecasts", "extra").replace("2024-", "2025-")
    database = warehouse(SCHEMA, GOOD, extra, change)
    verdict = run_suite(
        forecasts_suite(previous="published.analysis.forecasts"),
        database,
        setup_sql=[f"attach '{published}' as published (read_only)"],
    )
    found = check(verdict, "ledger_is_not_rewritten")
    assert found.failed_count == failed_count
    assert set(not_passed(verdict)) == (
        {"ledger_is_not_rewritten"} if failed_count else set()
    )
    assert len(found.examples) == failed_count
