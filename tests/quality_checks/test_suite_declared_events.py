"""The declared-events suite over loads that landing wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.events import EVENT_COLUMNS
from ingestion.lake import Lake
from quality_checks.runner import run_suite
from quality_checks.suites.declared_events import (
    DeclaredEvents,
    declared_events_suite,
    declared_events_views,
)
from quality_checks.suites.raw_events_sql import raw_events_views
from quality_checks.verdict import CheckResult, Verdict
from tests.ingestion.landing_home import Home, event, new_home

NotPassed = Callable[[Verdict], dict[str, str]]
Check = Callable[[Verdict, str], CheckResult]
DECLARED = DeclaredEvents(
    required={"page_viewed": ["course", "currency"]},
    columns=[column.name for column in EVENT_COLUMNS],
)
GOOD = {"properties": {"course": "c1"}, "currency": "USD", "platform": "web"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Give a home with one load of 40 good events, admitted by an earlier night."""
    home = new_home(tmp_path)
    land(home, [GOOD] * 40)
    return home


def land(home: Home, rows: list[dict[str, Any]]) -> str:
    """Land rows as one file and give the load."""
    number = len(list(home.options.landing_dir.rglob("*.jsonl")))
    sent = [event(1000 * number + i, **row) for i, row in enumerate(rows)]
    home.write(f"app/{number}.jsonl", sent)
    home.land()
    return Lake(home.lake).load_ids()[-1]


def judge(home: Home, *loads: str, declared: DeclaredEvents = DECLARED) -> Verdict:
    views = (
        *raw_events_views(home.lake, loads),
        *declared_events_views(home.lake, loads),
    )
    return run_suite(declared_events_suite(declared), ":memory:", setup_sql=views)


def test_a_load_like_the_one_before_passes(home: Home, not_passed: NotPassed) -> None:
    verdict = judge(home, land(home, [GOOD] * 30))
    assert not_passed(verdict) == {}
    assert len(verdict.results) == 7


def test_the_first_load_of_all_is_no_drift(home: Home, not_passed: NotPassed) -> None:
    assert not_passed(judge(home, *Lake(home.lake).load_ids()[1:])) == {}


def test_no_load_is_no_drift(home: Home, not_passed: NotPassed) -> None:
    assert not_passed(judge(home)) == {}


def test_a_required_property_that_vanished_stops_the_night(
    home: Home, not_passed: NotPassed, check: Check
) -> None:
    gone = {**GOOD, "properties": {"course": None}}
    verdict = judge(home, land(home, [gone] * 20))
    assert not_passed(verdict) == {
        "required_properties_vanished": "failed",
        "required_properties_missing": "warned",
    }
    (example,) = check(verdict, "required_properties_vanished").examples
    assert (example["source"], example["property_name"]) == ("app", "course")
    assert verdict.blocks


@pytest.mark.parametrize("rows", [[GOOD] + [{**GOOD, "properties": {}}] * 29, 19])
def test_some_that_lack_it_are_told_only(
    home: Home, not_passed: NotPassed, rows: Any
) -> None:
    sent = [{**GOOD, "properties": {}}] * rows if isinstance(rows, int) else rows
    verdict = judge(home, land(home, sent))
    assert not_passed(verdict) == {"required_properties_missing": "warned"}


def test_a_required_property_that_never_was_there_is_told_only(
    home: Home, not_passed: NotPassed
) -> None:
    declared = DeclaredEvents(required={"page_viewed": ["never"]})
    verdict = judge(home, land(home, [GOOD] * 30), declared=declared)
    assert not_passed(verdict) == {"required_properties_missing": "warned"}


def test_a_column_that_vanished_stops_the_night_once(
    home: Home, not_passed: NotPassed, check: Check
) -> None:
    gone = {**GOOD, "platform": None}
    verdict = judge(home, land(home, [gone] * 30))
    assert not_passed(verdict) == {"columns_vanished": "failed"}
    (example,) = check(verdict, "columns_vanished").examples
    assert (example["column_name"], example["earlier_share"]) == ("platform", 1.0)
    # Accepted by the owner, it is the normal state of the next night.
    assert not_passed(judge(home, land(home, [gone] * 30))) == {}


def test_a_small_late_file_is_no_evidence(home: Home, not_passed: NotPassed) -> None:
    land(home, [GOOD] * 300)
    load = land(home, [{**GOOD, "platform": None}] * 29)
    assert not_passed(judge(home, load)) == {}


def test_new_properties_and_types_are_told(
    home: Home, not_passed: NotPassed, check: Check
) -> None:
    changed = {**GOOD, "properties": {"course": 7, "colour": "red"}}
    load = land(home, [GOOD, changed])
    verdict = judge(home, load)
    assert not_passed(verdict) == {
        "new_properties": "warned",
        "changed_property_types": "warned",
    }
    (new,) = check(verdict, "new_properties").examples
    assert (new["property_name"], new["json_type"]) == ("colour", "string")
    assert (new["event_name"], new["load_id"]) == ("page_viewed", load)
    (other,) = check(verdict, "changed_property_types").examples
    assert (other["json_type"], other["earlier_types"]) == ("number", "string")


def test_the_fields_of_a_new_event_are_no_drift(
    home: Home, not_passed: NotPassed
) -> None:
    new = {**GOOD, "event_name": "brand_new", "properties": {"colour": "red"}}
    assert not_passed(judge(home, land(home, [GOOD, new]))) == {}


@pytest.mark.parametrize(
    ("foreign", "expected"),
    [
        (1, {"currencies_without_rate_early_warning": "warned"}),
        (
            2,
            {
                "currencies_without_rate": "failed",
                "currencies_without_rate_early_warning": "warned",
            },
        ),
    ],
)
def test_a_currency_without_a_rate_is_named(
    home: Home, not_passed: NotPassed, check: Check, foreign: int, expected: Any
) -> None:
    rates = home.root / "rates.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select 'EUR' as currency, date '2024-01-01' as valid_from union all "
            f"select 'JPY', date '2024-05-02') to '{rates}' (format parquet)"
        )
    paid = [{**GOOD, "revenue": 1, "currency": code} for code in ("USD", "EUR", "usd")]
    early = [{**GOOD, "revenue": 1, "currency": "JPY"}] * foreign
    load = land(home, [*paid, *[{**GOOD, "revenue": 1}] * (147), *early])
    declared = DeclaredEvents(rates=rates, reporting_currency="USD")
    verdict = judge(home, load, declared=declared)
    assert not_passed(verdict) == expected
    (named,) = check(verdict, "currencies_without_rate_early_warning").examples
    assert (named["currency"], named["amount_count"]) == ("JPY", foreign)
    assert named["first_rate_on"] == "2024-05-02"
