from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from quality_checks.runner import run_suite
from quality_checks.suites.anomalies import anomalies_suite
from quality_checks.verdict import CheckResult, Verdict

NotPassed = Callable[[Verdict], dict[str, str]]
Check = Callable[[Verdict, str], CheckResult]
Warehouse = Callable[..., Path]

SCHEMA = "create schema analysis"
GOOD = """
    create table analysis.anomalies as
    select
        id as incident_id, metric as metric_name, null::varchar as dimension,
        null::varchar as dimension_value, started::date as started_on,
        ended::date as ended_on, direction, started::date as peak_date,
        peak::double as peak_value, 100::double as expected, 90::double as lower,
        110::double as upper, (peak - 100) / 5::double as score,
        if(ended is null, 'open', 'closed') as status,
        metric || ' was unusual' as explanation
    from (values
        ('a', 'signups', '2024-03-01', '2024-03-03', 'up', 150),
        ('b', 'signups', '2024-03-02', '2024-03-02', 'down', 50),
        ('c', 'signups', '2024-03-04', null, 'up', 130),
        ('d', 'revenue', '2024-03-01', null, 'down', 10)
    ) as incidents (id, metric, started, ended, direction, peak)
"""


def update(assignment: str, incident: str = "a") -> str:
    return (
        f"update analysis.anomalies set {assignment} where incident_id = '{incident}'"
    )


def test_good_incidents_pass(warehouse: Warehouse, not_passed: NotPassed) -> None:
    database = warehouse(SCHEMA, GOOD)
    verdict = run_suite(anomalies_suite(as_of_date=date(2024, 3, 4)), database)
    assert not_passed(verdict) == {}
    assert len(verdict.results) == 14


def test_a_quiet_week_passes(warehouse: Warehouse, not_passed: NotPassed) -> None:
    database = warehouse(SCHEMA, GOOD, "truncate analysis.anomalies")
    assert not_passed(run_suite(anomalies_suite(), database)) == {}


@pytest.mark.parametrize(
    ("breakage", "expected"),
    [
        (update("incident_id = 'b'"), {"incident_is_unique": 1}),
        (update("incident_id = null"), {"incident_id_not_null": 1}),
        (update("metric_name = null"), {"metric_name_not_null": 1}),
        (update("direction = 'sideways'"), {"direction_and_status_are_known": 1}),
        (update("status = 'gone'", "b"), {"direction_and_status_are_known": 1}),
        (update("status = 'open'"), {"open_means_without_end": 1}),
        (update("ended_on = null", "b"), {"open_means_without_end": 1}),
        (update("ended_on = '2024-03-04'"), {"incidents_do_not_overlap": 1}),
        (
            update("ended_on = null, status = 'open'"),
            {"incidents_do_not_overlap": 1},
        ),
        (update("peak_date = '2024-02-28'"), {"dates_are_ordered": 1}),
        (update("peak_date = '2024-03-08'"), {"dates_are_ordered": 1}),
        (
            update("started_on = '2024-03-09', peak_date = '2024-03-09'", "d"),
            {"dates_are_ordered": 1},
        ),
        (update("peak_value = 110"), {"peak_is_outside_interval": 1}),
        (update("peak_value = 95", "b"), {"peak_is_outside_interval": 1}),
        (update("expected = 200"), {"interval_holds_expectation": 1}),
        (update("score = 'nan'"), {"figures_are_finite": 1}),
        (update("score = null"), {"figures_are_finite": 1}),
    ],
)
def test_a_broken_incident_fails_its_check(
    warehouse: Warehouse,
    not_passed: NotPassed,
    check: Check,
    breakage: str,
    expected: dict[str, int],
) -> None:
    database = warehouse(SCHEMA, GOOD, breakage)
    verdict = run_suite(anomalies_suite(as_of_date=date(2024, 3, 4)), database)
    assert not_passed(verdict) == dict.fromkeys(expected, "failed")
    for name, count in expected.items():
        found = check(verdict, name)
        assert (found.failed_count, found.row_count) == (count, 4)
        assert len(found.examples) == count


def test_an_incident_without_words_is_a_warning(
    warehouse: Warehouse, not_passed: NotPassed
) -> None:
    verdict = run_suite(
        anomalies_suite(), warehouse(SCHEMA, GOOD, update("explanation = ' '"))
    )
    assert not_passed(verdict) == {"explanation_is_given": "warned"}
