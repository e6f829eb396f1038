from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality_checks.runner import run_suite
from quality_checks.suites.raw_events import RawEventsLimits, raw_events_suite
from quality_checks.suites.raw_events_sql import (
    RawEventsRelations,
    measuring_sql,
    raw_events_views,
)
from quality_checks.verdict import CheckResult, Verdict, summarise

NotPassed = Callable[[Verdict], dict[str, str]]
Check = Callable[[Verdict, str], CheckResult]


def judge(lake: Any, **options: Any) -> Verdict:
    return run_suite(lake.suite(**options), ":memory:", setup_sql=lake.views())


def test_good_loads_pass_every_check(lake: Any, not_passed: NotPassed) -> None:
    verdict = judge(lake)
    assert not_passed(verdict) == {}
    assert len(verdict.results) == 20
    assert not verdict.blocks
    assert summarise(verdict) == ["20 of 20 checks passed."]


def some(condition: str, value: str, otherwise: str) -> str:
    return f"if({condition}, {value}, {otherwise})"


HALF, FEW, MOST = "i % 2 = 0", "i % 10 = 0", "i % 10 <> 0"
NO_IDS = {"user_id": some(HALF, "null", "user_id")}

BREAKAGES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "null event id": (
        {"event_id": some("i = 0", "null", "event_id")},
        {"event_id_not_null": "failed"},
    ),
    "null event name": (
        {"event_name": some("i = 0", "null", "event_name")},
        {"event_name_not_null": "failed"},
    ),
    "null time": (
        {"occurred_at": some("i = 0", "null", "occurred_at")},
        {"occurred_at_not_null": "failed"},
    ),
    "half without ids": (
        {**NO_IDS, "anonymous_id": some(HALF, "null", "anonymous_id")},
        {"events_without_ids_early_warning": "warned"},
    ),
    "nobody has an id": (
        {"user_id": "null::varchar", "anonymous_id": "null::varchar"},
        {
            "events_without_ids": "failed",
            "events_without_ids_early_warning": "warned",
        },
    ),
    "a tenth are copies": (
        {"event_id": some(FEW, "md5(day::varchar)", "event_id")},
        {"duplicate_event_ids_early_warning": "warned"},
    ),
    "most are copies": (
        {"event_id": some(MOST, "md5(day::varchar)", "event_id")},
        {
            "duplicate_event_ids": "failed",
            "duplicate_event_ids_early_warning": "warned",
        },
    ),
    "an undeclared name": (
        {"event_name": some("i = 7", "'pgae_viewed'", "event_name")},
        {"undeclared_event_names": "warned"},
    ),
    "a clock ahead": (
        {"received_at": some("i = 0", "occurred_at - interval 25 hours", "null")},
        {"occurred_after_received": "failed"},
    ),
    "a clock of 1970": (
        {"occurred_at": some("i = 0", "timestamp '1970-01-01'", "occurred_at")},
        {"occurred_before_floor": "failed"},
    ),
    "revenue in the millions": (
        {"revenue": some("i = 3", "2e6", "revenue")},
        {"revenue_in_range_early_warning": "warned"},
    ),
    "refund in the billions": (
        {"revenue": some("i = 3", "-2e9", "revenue")},
        {"revenue_in_range": "failed", "revenue_in_range_early_warning": "warned"},
    ),
    "a currency sign": (
        {"currency": some("i = 3", "'$'", "currency")},
        {"currency_codes_early_warning": "warned"},
    ),
    "lower-case currencies": (
        {"currency": "lower(currency)"},
        {"currency_codes": "failed", "currency_codes_early_warning": "warned"},
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_broken_rows_fail_exactly_their_check(
    lake: Any, lake_dates: dict[str, Any], not_passed: NotPassed, breakage: str
) -> None:
    replace, expected = BREAKAGES[breakage]
    days = lake_dates["first_new_day"], lake_dates["last_day"]
    lake.write_events(lake_dates["new"], *days, replace=replace)
    verdict = judge(lake)
    assert not_passed(verdict) == expected
    assert verdict.blocks == ("failed" in expected.values())
    for result in (*verdict.failed, *verdict.warned):
        assert result.failed_count is not None
        assert result.failed_count > 0
        assert 1 <= len(result.examples) <= 10
        assert result.cure


def test_rows_of_older_loads_are_not_judged_again(
    lake: Any, lake_dates: dict[str, Any], not_passed: NotPassed
) -> None:
    first = lake_dates["first_new_day"] - timedelta(days=30)
    last = lake_dates["first_new_day"] - timedelta(days=1)
    lake.write_events(
        "20240303T020000000000", first, last, replace={"event_name": "'old'"}
    )
    assert not_passed(judge(lake)) == {}


def test_unknown_names_stop_the_night_or_nobody_by_policy(
    lake: Any, lake_dates: dict[str, Any], not_passed: NotPassed, check: Check
) -> None:
    lake.write_events(
        lake_dates["new"],
        lake_dates["first_new_day"],
        lake_dates["last_day"],
        replace={"event_name": some("i = 7", "'it''s {new}'", "event_name")},
    )
    verdict = judge(lake, limits=RawEventsLimits(unknown_events="fail"))
    assert not_passed(verdict) == {"undeclared_event_names": "failed"}
    found = check(verdict, "undeclared_event_names")
    assert (found.failed_count, found.row_count) == (2, 120)
    assert found.examples[0]["event_name"] == "it's {new}"
    ignored = judge(lake, limits=RawEventsLimits(unknown_events="ignore"))
    assert not_passed(ignored) == {}
    assert len(ignored.results) == 19


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ("i < 40", {}),
        ("i < 20", {"daily_volume_early_warning": "warned"}),
        (
            "i < 2",
            {"daily_volume": "failed", "daily_volume_early_warning": "warned"},
        ),
        (
            "day < date '2024-03-04'",
            {"daily_volume": "failed", "daily_volume_early_warning": "warned"},
        ),
    ],
)
def test_a_thin_or_missing_day_is_seen(
    lake: Any,
    lake_dates: dict[str, Any],
    not_passed: NotPassed,
    check: Check,
    kept: str,
    expected: dict[str, str],
) -> None:
    folder = lake.path / "events" / f"load={lake_dates['new']}"
    for file in folder.rglob("*.parquet"):
        file.unlink()
    lake.write_events(
        lake_dates["new"],
        lake_dates["first_new_day"],
        lake_dates["last_day"],
        where=kept,
    )
    verdict = judge(lake, limits=RawEventsLimits(freshness_hours_warn=None))
    assert not_passed(verdict) == expected
    if "day" in kept:
        example = check(verdict, "daily_volume").examples[0]
        assert example["event_date"] == "2024-03-04"
        assert (example["event_count"], example["expected"]) == (0, 60.0)


def test_an_empty_day_before_newer_events_stops_only_by_policy(
    lake: Any, lake_dates: dict[str, Any], not_passed: NotPassed
) -> None:
    folder = lake.path / "events" / f"load={lake_dates['new']}"
    for file in folder.rglob("date=2024-03-03/*.parquet"):
        file.unlink()
    as_of = datetime(2024, 3, 4, 23)
    assert not_passed(judge(lake, as_of=as_of)) == {
        "daily_volume": "failed",
        "daily_volume_early_warning": "warned",
    }
    closed = RawEventsLimits(empty_days="warn")
    assert not_passed(judge(lake, as_of=as_of, limits=closed)) == {
        "daily_volume_early_warning": "warned"
    }
    for file in folder.rglob("date=2024-03-04/*.parquet"):
        file.unlink()
    nothing_after = not_passed(judge(lake, as_of=as_of, limits=closed))
    assert nothing_after["daily_volume"] == "failed"


def test_an_empty_lake_is_stale_and_nothing_else(
    tmp_path: Path, lake: Any, not_passed: NotPassed
) -> None:
    for kind in ("events", "quarantine"):
        genesis = tmp_path / "empty" / kind / "load=00000000T000000000000"
        target = genesis / "date=1970-01-01" if kind == "events" else genesis
        target.mkdir(parents=True)
        source = next((lake.path / kind).rglob("*.parquet"))
        duckdb.execute(
            f"copy (from read_parquet('{source}', hive_partitioning = false) "
            f"where false) to '{target}/part.parquet'"
        )
    views = raw_events_views(tmp_path / "empty", [])
    verdict = run_suite(lake.suite(), ":memory:", setup_sql=views)
    assert not_passed(verdict) == {"newest_event_is_recent": "warned"}
    assert "no events in the weeks before" in verdict.warned[0].observed


def test_nothing_new_for_days_is_stale_and_without_volume(
    lake: Any, not_passed: NotPassed, check: Check
) -> None:
    verdict = judge(lake, as_of=datetime(2024, 3, 8, 2))
    assert not_passed(verdict) == {
        "newest_event_is_recent": "warned",
        "daily_volume": "failed",
        "daily_volume_early_warning": "warned",
    }
    stale = check(verdict, "newest_event_is_recent")
    assert stale.observed == (
        "the newest event is of 2024-03-04 22:56:40 UTC, 75.1 hours back"
    )
    assert check(verdict, "daily_volume").failed_count == 3


def test_a_run_without_a_new_load_passes(lake: Any, not_passed: NotPassed) -> None:
    views = raw_events_views(lake.path, [])
    verdict = run_suite(lake.suite(), ":memory:", setup_sql=views)
    assert not_passed(verdict) == {}


@pytest.mark.parametrize(
    ("rejected", "expected"),
    [
        (1, {}),
        (12, {"quarantined_rows_early_warning": "warned"}),
        (
            60,
            {
                "quarantined_rows": "failed",
                "quarantined_rows_early_warning": "warned",
            },
        ),
    ],
)
def test_the_share_of_quarantined_rows(
    lake: Any,
    lake_dates: dict[str, Any],
    not_passed: NotPassed,
    check: Check,
    rejected: int,
    expected: dict[str, str],
) -> None:
    lake.write_quarantine(lake_dates["new"], rejected)
    lake.write_quarantine("20240303T020000000000", 5_000)
    verdict = judge(lake)
    assert not_passed(verdict) == expected
    found = check(verdict, "quarantined_rows")
    assert (found.failed_count, found.row_count) == (rejected, 120 + rejected)


def test_a_missing_column_is_named_and_nothing_counts_as_passed_blindly(
    lake: Any, lake_dates: dict[str, Any], not_passed: NotPassed, check: Check
) -> None:
    for load, first, last in (
        (
            "20240303T020000000000",
            date(2024, 1, 29),
            lake_dates["first_new_day"] - timedelta(days=1),
        ),
        (lake_dates["new"], lake_dates["first_new_day"], lake_dates["last_day"]),
    ):
        lake.write_events(load, first, last, without=["currency"])
    verdict = judge(lake)
    statuses = not_passed(verdict)
    assert statuses["columns"] == "failed"
    assert check(verdict, "columns").observed == "missing columns currency"
    assert statuses["currency_codes"] == "errored"
    assert "currency" in check(verdict, "currency_codes").observed
    assert check(verdict, "event_id_not_null").status == "passed"


def test_an_extra_column_fails(
    lake: Any, lake_dates: dict[str, Any], not_passed: NotPassed, check: Check
) -> None:
    for load, first, last in (
        (
            "20240303T020000000000",
            date(2024, 1, 29),
            lake_dates["first_new_day"] - timedelta(days=1),
        ),
        (lake_dates["new"], lake_dates["first_new_day"], lake_dates["last_day"]),
    ):
        lake.write_events(load, first, last, extra=", 1 as surprise")
    verdict = judge(lake)
    assert not_passed(verdict) == {"columns": "failed"}
    assert check(verdict, "columns").observed == "unexpected columns surprise"


def test_a_lake_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    suite = raw_events_suite(
        columns=["event_id"], event_names=[], as_of=datetime(2024, 3, 5)
    )
    views = raw_events_views(tmp_path / "nowhere", [])
    verdict = run_suite(suite, ":memory:", setup_sql=views)
    assert {r.status for r in verdict.results} == {"errored"}
    assert verdict.blocks
    assert "No files found" in verdict.results[0].observed


def measure(
    days: dict[date, int], *, as_of: datetime, new_from: date
) -> dict[date, tuple[int, float | None]]:
    """Run the measuring statements on tables with so many events a day."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table days as select unnest(?::date[]) as date, "
            "unnest(?::integer[]) as n",
            [list(days), list(days.values())],
        )
        connection.execute(
            "create table lake_events as select date, date::timestamp as occurred_at, "
            "uuid()::varchar as event_id, 'e' as event_name, 'u' as user_id, "
            "'a' as anonymous_id, date::timestamp as received_at, "
            "null::decimal(18, 6) as revenue, null::varchar as currency "
            "from days, range(n)"
        )
        connection.execute(
            f"create view raw_events as from lake_events where date >= '{new_from}'"
        )
        connection.execute("create table raw_quarantine (load_id varchar)")
        for statement in measuring_sql(
            RawEventsRelations(),
            event_names=["e"],
            as_of=as_of,
            floor=datetime(2000, 1, 1),
            future_hours=24,
            revenue_limits=(None, None),
            volume_min_expected=20,
            volume_min_history_days=14,
            volume_max_days_judged=7,
        ):
            connection.execute(statement)
        rows = connection.execute(
            "select event_date, event_count, ratio from raw_events_volume order by 1"
        ).fetchall()
    return {day: (count, ratio) for day, count, ratio in rows}


def test_a_shop_closed_on_saturdays_is_not_alarmed() -> None:
    start = date(2024, 1, 1)
    days = [start + timedelta(days=n) for n in range(60)]
    counts = {day: 100 for day in days if day.weekday() != 5}
    counts[days[-1]] = 30
    ratios = measure(
        counts, as_of=datetime(2024, 3, 1, 3), new_from=days[-1] - timedelta(days=6)
    )
    saturday = next(day for day in ratios if day.weekday() == 5)
    assert ratios[saturday] == (0, None)
    assert ratios[days[-1]] == (30, 0.3)
    assert [ratio for _, ratio in ratios.values()].count(1.0) == 5


def test_a_young_or_quiet_product_is_not_judged_by_volume() -> None:
    start = date(2024, 1, 1)
    young = {start + timedelta(days=n): 100 for n in range(14)}
    judged = measure(young, as_of=datetime(2024, 1, 15), new_from=date(2024, 1, 14))
    assert judged == {date(2024, 1, 14): (100, None)}
    quiet = {start + timedelta(days=n): 19 for n in range(40)}
    judged = measure(quiet, as_of=datetime(2024, 2, 10), new_from=date(2024, 2, 9))
    assert judged == {date(2024, 2, 9): (19, None)}


def test_the_open_day_is_not_judged_and_old_days_only_for_a_week() -> None:
    start = date(2024, 1, 1)
    days = {start + timedelta(days=n): 100 for n in range(50)}
    days[date(2024, 2, 19)] = 1
    judged = measure(days, as_of=datetime(2024, 2, 19, 6), new_from=start)
    assert list(judged) == [date(2024, 2, 12) + timedelta(days=n) for n in range(7)]
    late_only = measure(
        days, as_of=datetime(2024, 2, 19, 6), new_from=date(2024, 2, 19)
    )
    assert late_only == {date(2024, 2, 18): (100, 1.0)}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "", "a", "b", "c"]),
            st.sampled_from([None, "", "u"]),
            st.sampled_from(["e", "x", "it's"]),
        ),
        max_size=30,
    )
)
def test_counts_agree_with_counting_in_python(
    events: list[tuple[str | None, str | None, str]],
) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "create table raw_events (event_id varchar, user_id varchar, "
            "event_name varchar)"
        )
        if events:
            connection.executemany("insert into raw_events values (?, ?, ?)", events)
        connection.execute(
            "create view lake_events as select *, null::varchar as anonymous_id, "
            "timestamp '2024-01-01' as occurred_at, null::timestamp as received_at, "
            "date '2024-01-01' as date, null::double as revenue, "
            "null::varchar as currency from raw_events"
        )
        connection.execute("create table raw_quarantine (load_id varchar)")
        for statement in measuring_sql(
            RawEventsRelations(events="lake_events"),
            event_names=["e"],
            as_of=datetime(2024, 1, 2),
            floor=datetime(2000, 1, 1),
            future_hours=24,
            revenue_limits=(1.0, None),
            volume_min_expected=20,
            volume_min_history_days=14,
            volume_max_days_judged=7,
        ):
            connection.execute(statement)
        found = connection.execute(
            "select event_count, duplicate_count, nobody_count, unknown_count "
            "from raw_events_measures"
        ).fetchall()
    ids = Counter(event_id for event_id, _, _ in events if event_id is not None)
    assert found == [
        (
            len(events),
            sum(ids.values()) - len(ids),
            sum(user is None for _, user, _ in events),
            sum(name != "e" for _, _, name in events),
        )
    ]


def test_two_million_rows_are_judged_in_seconds(
    tmp_path: Path,
    not_passed: NotPassed,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path / "events" / "load=20240331T020000000000"
    target.mkdir(parents=True)
    duckdb.execute(
        f"""
        copy (
            select
                md5(i::varchar) as event_id, 'page_viewed' as event_name,
                timestamp '2024-03-01' + interval (i % (30 * 86400)) second
                    as occurred_at,
                null::timestamp as received_at, 'u' || (i % 50000) as user_id,
                'a' || i as anonymous_id, 1.5::decimal(18, 6) as revenue,
                'EUR' as currency, 'native' as source, 'x' as load_id,
                '{{"n": ' || i || '}}' as properties, occurred_at::date as date
            from range(2000000) as n (i)
        ) to '{target}' (format parquet, partition_by (date))
        """
    )
    quarantine = tmp_path / "quarantine" / "load=20240331T020000000000"
    quarantine.mkdir(parents=True)
    duckdb.execute(
        f"copy (select '' as reason_code where false) to '{quarantine}/a.parquet'"
    )
    views = raw_events_views(tmp_path, ["20240331T020000000000"])
    with duckdb.connect() as connection:
        for view in views:
            connection.execute(view)
        described = connection.execute("from raw_events limit 0").description or []
    suite = raw_events_suite(
        columns=[column[0] for column in described],
        event_names=["page_viewed"],
        as_of=datetime(2024, 3, 24),
    )
    started = time.perf_counter()
    verdict = run_suite(suite, ":memory:", setup_sql=views, config={"threads": 2})
    seconds = time.perf_counter() - started
    with capsys.disabled():
        sys.stdout.write(f"\nraw_events suite, 2M rows: {seconds:.1f} s\n")
    assert not_passed(verdict) == {}
