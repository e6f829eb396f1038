"""A small lake and small tables that meet every expectation, to be broken by tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from quality_checks.suites.raw_events import RawEventsLimits, raw_events_suite
from quality_checks.suites.raw_events_sql import raw_events_views
from quality_checks.verdict import CheckResult, Suite, Verdict

OLD, NEW = "20240303T020000000000", "20240305T020000000000"
FIRST_DAY, FIRST_NEW_DAY, LAST_DAY = (
    date(2024, 1, 29),
    date(2024, 3, 3),
    date(2024, 3, 4),
)
AS_OF = datetime(2024, 3, 5, 2)
EVENTS_A_DAY = 60
EVENT_NAMES = ("page_viewed", "purchase_completed")

EVENT_COLUMNS = {
    "event_id": "event_id",
    "event_name": "event_name",
    "category": "'engagement'",
    "occurred_at": "occurred_at",
    "received_at": "occurred_at + interval 5 seconds",
    "user_id": "user_id",
    "anonymous_id": "anonymous_id",
    **dict.fromkeys(("vendor_session_id", "platform", "app_version"), "null::varchar"),
    **dict.fromkeys(("page", "referrer", "utm_source"), "null::varchar"),
    **dict.fromkeys(("utm_medium", "utm_campaign", "country"), "null::varchar"),
    **dict.fromkeys(("region", "city", "device_type"), "null::varchar"),
    **dict.fromkeys(("os", "browser"), "null::varchar"),
    "revenue": "revenue",
    "currency": "currency",
    "value": "null::decimal(18, 6)",
    "properties": "'{}'",
    "source": "'native'",
    "load_id": "load_id",
}
LAKE_COLUMNS = (*EVENT_COLUMNS, "load", "date")

# What a test changes: `replace` holds expressions over the good columns and over
# `i`, the number of the event in its day.
Change = dict[str, str]


@dataclass(frozen=True)
class Lake:
    """A lake on disk: 34 days of history in one load, two new days in another."""

    path: Path

    def write_events(
        self,
        load: str,
        first: date,
        last: date,
        *,
        replace: Change | None = None,
        where: str = "true",
        without: Iterable[str] = (),
        extra: str = "",
    ) -> None:
        """Write a load of whole days, changed as a test asks."""
        changed = {**EVENT_COLUMNS, **(replace or {})}
        columns = ", ".join(
            f"{expression} as {name}"
            for name, expression in changed.items()
            if name not in set(without)
        )
        days = (last - first).days + 1
        target = self.path / "events" / f"load={load}"
        target.mkdir(parents=True, exist_ok=True)
        duckdb.execute(
            f"""
            copy (
                with numbered as (
                    select date '{first}' + d::integer as day, i
                    from range({days}) as days (d), range({EVENTS_A_DAY}) as n (i)
                ),
                good as (
                    select
                        i, day,
                        md5(day::varchar || i) as event_id,
                        if(i % 3 = 0, 'purchase_completed', 'page_viewed')
                            as event_name,
                        day + interval (i * 1400) second as occurred_at,
                        if(i % 2 = 0, 'u' || i, null) as user_id,
                        'a' || i as anonymous_id,
                        if(i % 3 = 0, 12.5, null)::decimal(18, 6) as revenue,
                        if(i % 3 = 0, 'USD', null) as currency,
                        '{load}' as load_id
                    from numbered
                )
                select {columns}{extra}, day as date from good where {where}
            ) to '{target}' (format parquet, partition_by (date), overwrite true)
            """
        )

    def write_quarantine(self, load: str, rows: int) -> None:
        """Write rejected rows of a load; none gives an empty file."""
        target = self.path / "quarantine" / f"load={load}"
        target.mkdir(parents=True, exist_ok=True)
        duckdb.execute(
            f"""
            copy (
                select
                    '{load}' as load_id, 'native' as source, 'native/a.jsonl' as file,
                    i as line_number, 'bad_json' as reason_code,
                    'The line is no JSON object.' as reason, '{{' as raw_text,
                    timestamp '2024-03-05 02:00:00' as quarantined_at
                from range({rows}) as n (i)
            ) to '{target}/part.parquet' (format parquet)
            """
        )

    def views(self) -> tuple[str, ...]:
        """Statements that make the views of the new load."""
        return raw_events_views(self.path, [NEW])

    def suite(
        self, limits: RawEventsLimits | None = None, as_of: datetime = AS_OF
    ) -> Suite:
        """The suite with the columns and names of this lake."""
        return raw_events_suite(
            columns=LAKE_COLUMNS, event_names=EVENT_NAMES, as_of=as_of, limits=limits
        )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake without a fault."""
    made = Lake(tmp_path / "lake")
    made.write_events(OLD, FIRST_DAY, FIRST_NEW_DAY - timedelta(days=1))
    made.write_events(NEW, FIRST_NEW_DAY, LAST_DAY)
    made.write_quarantine(OLD, 0)
    made.write_quarantine(NEW, 0)
    return made


@pytest.fixture
def warehouse(tmp_path: Path) -> Callable[..., Path]:
    """Make a DuckDB file from statements and return its path."""

    def make(*statements: str) -> Path:
        path = tmp_path / "warehouse.duckdb"
        with duckdb.connect(str(path)) as connection:
            for statement in statements:
                connection.execute(statement)
        return path

    return make


def _not_passed(verdict: Verdict) -> dict[str, str]:
    return {r.check_name: r.status for r in verdict.results if r.status != "passed"}


@pytest.fixture
def not_passed() -> Callable[[Verdict], dict[str, str]]:
    """Checks that did not pass, with their status."""
    return _not_passed


@pytest.fixture
def check() -> Callable[[Verdict, str], CheckResult]:
    """The result of one check."""

    def find(verdict: Verdict, name: str) -> CheckResult:
        return next(r for r in verdict.results if r.check_name == name)

    return find


@pytest.fixture
def lake_dates() -> dict[str, Any]:
    """The days of the lake and its loads, for tests that write their own load."""
    return {"new": NEW, "first_new_day": FIRST_NEW_DAY, "last_day": LAST_DAY}
