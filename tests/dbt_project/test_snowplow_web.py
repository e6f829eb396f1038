"""Snowplow's own test events, landed by the adapter, against Snowplow's own marts.

Where we differ by choice:

- A person is not a device. Snowplow's users are rows by `domain_userid`; one who
  rotates three devices within a session is one of ours, and so is one known by a user
  id without any device (Snowplow has no user row for that).
- A page view known only by its pings counts in its session, with both; Snowplow's table
  of page views has no row for it, so those with an event of their own are compared.
- A session's events beyond its longest duration are in no session, with both; Snowplow
  leaves out the session as a whole from the next night on, we keep its first days.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from ingestion.catalog import load_catalog
from ingestion.landing import LandingOptions, land
from tests.dbt_project.warehouse_of_test import WarehouseOfTest

DAYS_LATE = 3
RULES = {
    "policy": "allow",
    "events": [
        {"name": "page_viewed", "description": "A page was opened."},
        {"name": "page_pinged", "description": "It is still in use."},
    ],
    "page_view_events": ["page_viewed"],
    "days_late_allowed": DAYS_LATE,
    "identity": {"stitching": "last_user_of_device"},
    "sessions": {
        "mode": "vendor",
        "requires_page_view": True,
        "max_session_seconds": 72 * 3_600,
        "heartbeat": {
            "events": ["page_pinged"],
            "interval_seconds": 10,
            "minimum_visit_seconds": 5,
        },
    },
}


@pytest.fixture
def web(
    warehouse: WarehouseOfTest, shared_dir: Path, tmp_path: Path
) -> WarehouseOfTest:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "metrics.yml").write_text("metrics: []\n")
    (tmp_path / "catalog" / "events.yml").write_text(yaml.safe_dump(RULES))
    (tmp_path / "catalog" / "sources.yml").write_text(
        "sources: [{name: web, format: snowplow}]\n"
    )
    catalog = load_catalog(tmp_path / "catalog")
    shutil.rmtree(warehouse.lake)
    warehouse.declare(tmp_path / "catalog")
    landing = tmp_path / "landing" / "web"
    landing.mkdir(parents=True)
    source = shared_dir / "data" / "snowplow_web" / "source"
    shutil.copy(source / "snowplow_web_events.csv", landing)
    options = LandingOptions(
        landing_dir=landing.parent,
        lake_dir=warehouse.lake,
        now=datetime(2026, 1, 1, tzinfo=UTC),
        settle_seconds=0,
    )
    result = land(options, catalog.sources)
    assert (result.landed, result.quarantined) == (160, 0)
    warehouse.build(select=["+fct_sessions", "+dim_persons"])
    return warehouse


def expected(shared_dir: Path, table: str, columns: str) -> list[tuple[Any, ...]]:
    path = shared_dir / "data" / "snowplow_web" / "expected" / table
    return duckdb.execute(
        f"select {columns} from read_csv('{path}', all_varchar = true) order by all"
    ).fetchall()


def test_expected_tables(web: WarehouseOfTest, shared_dir: Path) -> None:
    assert sessions(web) == expected(
        shared_dir,
        "default/snowplow_web_sessions_expected.csv",
        """
        original_domain_sessionid, start_tstamp::timestamp, end_tstamp::timestamp,
        page_views::bigint, total_events::bigint, engaged_time_in_s::double,
        original_domain_userid, stitched_user_id
        """,
    )
    assert page_views(web) == expected(
        shared_dir,
        "snowplow_web_page_views_expected.csv",
        "original_domain_sessionid, page_view_id",
    )
    assert users(web) == expected(
        shared_dir,
        "snowplow_web_users_expected.csv",
        """
        original_domain_userid, start_tstamp::timestamp, end_tstamp::timestamp,
        page_views::bigint, sessions::bigint, engaged_time_in_s::double
        """,
    )


def sessions(web: WarehouseOfTest) -> list[tuple[Any, ...]]:
    return web.rows(
        """
        select sessions.session_id, sessions.started_at, sessions.ended_at,
            sessions.page_view_count, sessions.event_count, sessions.engaged_seconds,
            sessions.anonymous_id,
            case when sessions.anonymous_id is not null then persons.user_id end
        from marts.fct_sessions as sessions
        left join marts.dim_persons as persons using (person_id)
        order by all
        """
    )


def page_views(web: WarehouseOfTest) -> list[tuple[Any, ...]]:
    return web.rows(
        """
        select distinct sessions.session_id,
            json_extract_string(events.properties, '$."$page_view_id"')
        from marts.fct_sessions as sessions
        inner join intermediate.int_session_days as days
            on days.vendor_session_id = sessions.session_id
        inner join intermediate.int_events as events
            on events.vendor_session_id = sessions.session_id
            and events.event_date = days.event_date
            and events.occurred_at between days.first_at and days.last_at
        where events.event_name = 'page_viewed'
            and days.session_started_at is not null
            and json_extract_string(events.properties, '$."$page_view_id"') is not null
        order by all
        """
    )


def users(web: WarehouseOfTest) -> list[tuple[Any, ...]]:
    """Sessions summed by their first device, as Snowplow's users are."""
    return web.rows(
        """
        select anonymous_id, min(started_at), max(ended_at),
            sum(page_view_count)::bigint, count(*), sum(engaged_seconds)
        from marts.fct_sessions
        where anonymous_id is not null
        group by 1
        order by all
        """
    )
