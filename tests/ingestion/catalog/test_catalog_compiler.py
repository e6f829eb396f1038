"""What the compiled catalog says, and when it changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from ingestion.catalog import (
    CatalogSettings,
    compile_catalog,
    load_catalog,
    metric_rows,
    window_seconds,
)

WriteCatalog = Callable[..., Path]
Connection = duckdb.DuckDBPyConnection
Rows = Callable[..., dict[str, dict[str, Any]]]

METRICS = """\
metrics:
  - {name: events, type: count, event: "*", periods: [day]}
  - name: orders
    type: count
    event: purchase_completed
    where: revenue > 10 or platform = 'ios'
    dimensions: [platform, {name: plan, sql: property('plan')}]
  - {name: buyers, type: unique_persons, event: [purchase_completed, page_viewed]}
  - {name: income, type: sum, event: purchase_completed, value: revenue / 2}
  - {name: mean_amount, type: average, event: "*", value: property_number('amount')}
  - {name: p95, type: percentile, event: "*", value: value, percentile: 0.95}
  - {name: share, type: ratio, numerator: orders, denominator: {type: sum,
     event: "*", value: revenue}}
  - name: bought
    type: conversion
    base: {event: page_viewed, where: platform is not null}
    conversion: {event: purchase_completed}
    window: 7 days
    count_by: events
  - name: delay
    type: time_to
    base: {event: page_viewed}
    conversion: {event: purchase_completed}
    window: 90 minutes
    statistic: p90
  - {name: active, type: active_persons, where: person_property('role') = 'author'}
  - {name: monthly, type: active_persons, window_days: 30}
  - name: back
    type: retention
    base: {event: page_viewed}
    returning: {event: "*"}
    day: 7
"""


@pytest.fixture
def rows(write_catalog: WriteCatalog) -> Rows:
    """Compile metrics; the rows by name, JSON columns read."""

    def compile_(
        metrics: str = METRICS, dialect: str = "duckdb", **files: str
    ) -> dict[str, dict[str, Any]]:
        catalog = load_catalog(write_catalog(metrics=metrics, **files))
        found = {}
        for row in metric_rows(catalog, dialect):
            for name in ("periods", "dimensions", "targets", "components"):
                row[name] = json.loads(row[name])
            found[row["metric_name"]] = row
        return found

    return compile_


def test_components(rows: Rows) -> None:
    found = rows()
    shapes = {
        name: [(part["role"], part["aggregate"]) for part in row["components"]]
        for name, row in found.items()
    }
    assert shapes == {
        "events": [("value", "count")],
        "orders": [("value", "count")],
        "buyers": [("value", "unique_persons")],
        "income": [("value", "sum")],
        "mean_amount": [("numerator", "sum"), ("denominator", "count_values")],
        "p95": [("value", "percentile")],
        "share": [("numerator", "count"), ("denominator", "sum")],
        "bought": [],
        "delay": [],
        "active": [("value", "active_persons")],
        "monthly": [("value", "active_persons")],
        "back": [],
    }
    assert found["p95"]["components"][0]["percentile"] == 0.95
    assert found["monthly"]["components"][0]["window_days"] == 30
    assert found["active"]["uses_person_properties"]
    assert not found["monthly"]["uses_person_properties"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("events", ["e1", "e2", "e3", "e4", "e5"]),
        ("orders", ["e1", "e2"]),
        ("buyers", ["e1", "e2", "e3", "e4"]),
        ("active", ["e1", "e2", "e3", "e4", "e5"]),
    ],
)
def test_filters_choose_events(
    name: str, expected: list[str], rows: Rows, event_table: Connection
) -> None:
    [component] = rows()[name]["components"]
    query = f"from events select event_id where {component['filter_sql']} order by all"
    assert [row[0] for row in event_table.execute(query).fetchall()] == expected


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("income", "13.750000"),  # (10.5 + 20 - 3 + 0) / 2
        ("mean_amount", "1.200000"),  # 1.1 + 0.1; in doubles 1.2000000000000002
        ("p95", "10.000000"),  # 2 + 0 + 7 + 1
    ],
)
def test_values_are_exact_numbers(
    name: str, total: str, rows: Rows, event_table: Connection
) -> None:
    sql = rows()[name]["components"][0]["value_sql"]
    found = event_table.execute(
        f"select min(typeof({sql})), sum({sql}) from events"
    ).fetchone()
    assert found == ("DECIMAL(18,6)", Decimal(total))


def test_pairs_of_events(rows: Rows) -> None:
    found = rows()
    bought, delay, back = found["bought"], found["delay"], found["back"]
    assert bought["base_filter_sql"] == (
        "event_name IN ('page_viewed') AND (NOT platform IS NULL)"
    )
    assert bought["conversion_filter_sql"] == "event_name IN ('purchase_completed')"
    assert (bought["window_seconds"], bought["count_by"]) == (604_800, "events")
    assert (delay["window_seconds"], delay["statistic"]) == (5_400, "p90")
    assert delay["unit"] == "seconds"
    assert (back["conversion_filter_sql"], back["retention_day"]) == ("TRUE", 7)


def test_activity_leaves_out_what_the_plan_exempts(rows: Rows) -> None:
    [component] = rows()["monthly"]["components"]
    assert component["filter_sql"] == "NOT event_name IN ('email_sent')"
    events = "events:\n  - name: page_viewed\n  - name: purchase_completed\n"
    [component] = rows(events=events)["monthly"]["components"]
    assert component["filter_sql"] == "TRUE"


def test_event_names_are_quoted(rows: Rows, event_table: Connection) -> None:
    events = 'events:\n  - name: "it\'s odd"\n'
    metrics = 'metrics:\n  - {name: m, type: count, event: "it\'s odd"}\n'
    [component] = rows(metrics, events=events)["m"]["components"]
    query = f"select count(*) from events where {component['filter_sql']}"
    assert event_table.execute(query).fetchone() == (1,)


def test_spark_rows_parse(rows: Rows) -> None:
    for row in rows(dialect="spark").values():
        filters = [row["base_filter_sql"], row["conversion_filter_sql"]]
        for component in row["components"]:
            filters += [component["filter_sql"], component["value_sql"]]
        for sql in filter(None, filters):
            assert "json_extract_string" not in sql
            assert sqlglot.parse_one(sql, dialect="spark")


def changed(rows: Rows, before: str, after: str) -> set[str]:
    """Names of the metrics whose hash a change of the text changes."""
    assert before in METRICS
    old, new = rows(), rows(METRICS.replace(before, after))
    return {
        name
        for name in old
        if old[name]["definition_hash"] != new[name]["definition_hash"]
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("revenue > 10", "revenue > 11", {"orders", "share"}),
        ("percentile: 0.95", "percentile: 0.9", {"p95"}),
        ("window: 7 days", "window: 8 days", {"bought"}),
        ("window: 7 days", "window: 1 week", set()),
        ("count_by: events", "count_by: persons", {"bought"}),
        ("statistic: p90", "statistic: mean", {"delay"}),
        ("day: 7", "day: 14", {"back"}),
        ("window_days: 30", "window_days: 28", {"monthly"}),
        ('"*", periods: [day]', '"*", periods: [day, week]', {"events"}),
        (
            "type: unique_persons",
            "include_bots: true, type: unique_persons",
            {"buyers"},
        ),
        ("value: revenue / 2", "value: revenue / 3", {"income"}),
        # What does not change a figure does not change the hash.
        ("value: revenue / 2", "value: revenue/2", set()),
        ("type: count, event", "label: All, type: count, event", set()),
        ("type: count, event", "targets: {day: 5}, type: count, event", set()),
        ("type: count, event", "headline: true, type: count, event", set()),
        ("type: count, event", "forecast: {}, type: count, event", set()),
        ("type: count, event", "direction: down, type: count, event", set()),
        ("type: count, event", "owner: me, unit: x, type: count, event", set()),
        (
            "[purchase_completed, page_viewed]",
            "[page_viewed, purchase_completed]",
            set(),
        ),
        (
            "[platform, {name: plan, sql: property('plan')}]",
            "[{name: plan, sql: property('plan')}, platform]",
            set(),
        ),
        ("[platform, {name", "[country, {name", {"orders"}),
    ],
)
def test_hash_changes_with_the_figures_only(
    before: str, after: str, expected: set[str], rows: Rows
) -> None:
    assert changed(rows, before, after) == set(expected)


def test_hash_follows_what_counts_as_activity(rows: Rows) -> None:
    events = "events:\n  - name: page_viewed\n  - name: purchase_completed\n"
    old, new = rows(), rows(events=events)
    moved = {n for n in old if old[n]["definition_hash"] != new[n]["definition_hash"]}
    assert moved == {"active", "monthly"}


def test_hash_of_a_metric_is_lasting(rows: Rows) -> None:
    # A changed hash rebuilds every user's history: change it on purpose only.
    assert rows()["orders"]["definition_hash"] == ("522bcf00a23bbff4ee91b0dfb6fe988a")


def read(path: Path) -> list[tuple[Any, ...]]:
    return duckdb.connect().execute(f"from read_parquet('{path}')").fetchall()


def types(path: Path) -> dict[str, str]:
    rows = duckdb.connect().execute(f"describe from read_parquet('{path}')").fetchall()
    return {row[0]: row[1] for row in rows}


def test_files(write_catalog: WriteCatalog, tmp_path: Path) -> None:
    metrics = (
        "metrics:\n  - {name: views, type: count, event: page_viewed, headline: true,\n"
        "     targets: {week: 70.5, day: 10}, forecast: {horizon_days: 14}}\n"
    )
    catalog = load_catalog(write_catalog(metrics=metrics))
    out = tmp_path / "lake" / "catalog"
    compile_catalog(catalog, CatalogSettings(), out)
    assert {path.name for path in out.iterdir()} == {
        "catalog_metrics.parquet",
        "catalog_metric_targets.parquet",
        "catalog_events.parquet",
        "catalog_settings.parquet",
        "catalog_countries.parquet",
        "catalog_regions.parquet",
        "catalog_exchange_rates.parquet",
        "catalog_funnel_breakdowns.parquet",
        "catalog_funnel_steps.parquet",
        "catalog_funnels.parquet",
        "catalog_mrr.parquet",
        "catalog_attribution.parquet",
        "catalog_orders.parquet",
        "catalog_acquisition.parquet",
        "catalog_groups.parquet",
        "catalog_referrals.parquet",
        "catalog_performance.parquet",
        "catalog_role_migrations.parquet",
        "catalog_paths.parquet",
        "catalog_cohort_series.parquet",
        "catalog_retention.parquet",
        "catalog_retention_periods.parquet",
        "catalog_cohort_ltv.parquet",
        "catalog_lifecycle.parquet",
        "catalog_stickiness.parquet",
        "catalog_segmentations.parquet",
        "catalog_scores.parquet",
        "catalog_experiments.parquet",
        "catalog_experiment_variants.parquet",
        "catalog_experiment_metrics.parquet",
        "catalog_experiment_components.parquet",
        "user_agents.parquet",
    }
    assert types(out / "catalog_metrics.parquet") == {
        "metric_name": "VARCHAR",
        "label": "VARCHAR",
        "description": "VARCHAR",
        "metric_type": "VARCHAR",
        "unit": "VARCHAR",
        "direction": "VARCHAR",
        "owner": "VARCHAR",
        "is_headline": "BOOLEAN",
        "forecast_horizon_days": "INTEGER",
        "uses_person_properties": "BOOLEAN",
        "include_excluded_traffic": "BOOLEAN",
        "periods": "VARCHAR",
        "dimensions": "VARCHAR",
        "targets": "VARCHAR",
        "components": "VARCHAR",
        "base_filter_sql": "VARCHAR",
        "conversion_filter_sql": "VARCHAR",
        "window_seconds": "BIGINT",
        "count_by": "VARCHAR",
        "statistic": "VARCHAR",
        "retention_day": "INTEGER",
        "definition_hash": "VARCHAR",
        "definition": "VARCHAR",
    }
    [row] = read(out / "catalog_metrics.parquet")
    assert row[:2] == ("views", "Views")
    assert row[7:9] == (True, 14)
    assert json.loads(row[-1])["event"] == ["page_viewed"]
    assert read(out / "catalog_metric_targets.parquet") == [
        ("views", "day", Decimal("10.000000")),
        ("views", "week", Decimal("70.500000")),
    ]
    assert read(out / "catalog_events.parquet") == [
        ("page_viewed", None, None, True, True, "[]"),
        ("purchase_completed", None, None, True, False, '["plan"]'),
        ("email_sent", None, None, False, False, "[]"),
    ]


def test_an_empty_catalog_still_has_its_tables(tmp_path: Path) -> None:
    compile_catalog(load_catalog(tmp_path), CatalogSettings(), tmp_path / "out")
    assert read(tmp_path / "out" / "catalog_metrics.parquet") == []
    assert types(tmp_path / "out" / "catalog_metric_targets.parquet") == {
        "metric_name": "VARCHAR",
        "period": "VARCHAR",
        "target": "DECIMAL(18,6)",
    }


def settings_of(
    write_catalog: WriteCatalog, tmp_path: Path, given_: CatalogSettings, events: str
) -> dict[str, str]:
    out = tmp_path / "out"
    compile_catalog(load_catalog(write_catalog(events=events)), given_, out)
    return dict(read(out / "catalog_settings.parquet"))


def test_settings(write_catalog: WriteCatalog, tmp_path: Path) -> None:
    zone = timezone(timedelta(hours=2))
    found = settings_of(
        write_catalog,
        tmp_path,
        CatalogSettings(
            "Europe/Berlin", "sunday", datetime(2024, 3, 1, 2, tzinfo=zone)
        ),
        "sessions: {timeout_seconds: 1200, server_platforms: [b, a]}\n"
        "traffic: {bots: \"property('agent') like '%bot%'\"}\n",
    )
    hashes = {found.pop("sessions_hash"), found.pop("event_rules_hash")}
    assert all(len(hash_) == 32 for hash_ in hashes)
    expected = {
        "reporting_timezone": "Europe/Berlin",
        "week_start": "sunday",
        "as_of": "2024-03-01T00:00:00.000000",
        "event_policy": "warn",
        "page_view_events": '["page_viewed"]',
        "activity_filter_sql": "TRUE",
        "session_timeout_seconds": "1200",
        "session_max_seconds": "86400",
        "session_cut_at_midnight": "false",
        "session_cut_on_campaign_change": "false",
        "server_platforms": '["a","b"]',
        "bot_filter_sql": (
            "coalesce(json_extract_string(properties, '$.\"agent\"') "
            "LIKE '%bot%', FALSE) OR coalesce(is_known_crawler, FALSE)"
        ),
        "internal_filter_sql": "false",
        "reporting_currency": "",
    }
    assert expected.items() <= found.items()


@pytest.mark.parametrize(
    ("events", "given_", "moved"),
    [
        ("sessions: {timeout_seconds: 1860}", {}, {"sessions_hash"}),
        ("sessions: {server_platforms: [api]}", {}, {"event_rules_hash"}),
        ("traffic: {bots: platform = 'bot'}", {}, {"event_rules_hash"}),
        ("countries: as_sent", {}, {"event_rules_hash"}),
        ("reporting_currency: USD", {}, {"event_rules_hash"}),
        ("policy: allow", {}, set()),
        ("", {"reporting_timezone": "Asia/Tokyo"}, set()),
    ],
)
def test_hashes_of_rules(
    events: str,
    given_: dict[str, str],
    moved: set[str],
    write_catalog: WriteCatalog,
    tmp_path: Path,
) -> None:
    before = settings_of(write_catalog, tmp_path, CatalogSettings(), "")
    after = settings_of(write_catalog, tmp_path, CatalogSettings(**given_), events)
    assert {
        key for key in before if key.endswith("_hash") and before[key] != after[key]
    } == moved


def test_midnight_ties_sessions_to_the_zone(
    write_catalog: WriteCatalog, tmp_path: Path
) -> None:
    events = "sessions: {cut_at_midnight: true}\n"
    hashes = {
        settings_of(write_catalog, tmp_path, CatalogSettings(zone), events)[
            "sessions_hash"
        ]
        for zone in ("UTC", "Asia/Tokyo")
    }
    assert len(hashes) == 2


def test_unchanged_files_are_left_alone(
    write_catalog: WriteCatalog, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    catalog = load_catalog(write_catalog(metrics=METRICS))
    compile_catalog(catalog, CatalogSettings(), out)
    before = {path.name: path.stat().st_ino for path in out.iterdir()}
    compile_catalog(catalog, CatalogSettings(week_start="sunday"), out)
    after = {path.name: path.stat().st_ino for path in out.iterdir()}
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {
        "catalog_settings.parquet"
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reporting_timezone": "Europe/Berln"}, "Did you mean 'Europe/Berlin'"),
        ({"reporting_timezone": "../../etc/passwd"}, "is not a time zone"),
        ({"reporting_timezone": ""}, "is not a time zone"),
        ({"week_start": "moonday"}, "Did you mean 'monday'"),
    ],
)
def test_bad_settings(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CatalogSettings(**arguments)  # type: ignore[arg-type]


def test_as_of_without_a_zone_is_utc() -> None:
    naive = CatalogSettings(as_of=datetime(2024, 1, 2, 3))
    aware = CatalogSettings(as_of=datetime(2024, 1, 2, 3, tzinfo=UTC))
    assert naive.as_of_text == aware.as_of_text == "2024-01-02T03:00:00.000000"
    assert CatalogSettings().as_of_text == ""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60 minutes", 3_600),
        ("1 hour", 3_600),
        ("7 days", 604_800),
        ("1 week", 604_800),
        ("90 Seconds", 90),
        (" 2  days ", 172_800),
        ("366 days", 31_622_400),
    ],
)
def test_windows(text: str, seconds: int) -> None:
    assert window_seconds(text) == seconds


@given(st.text(max_size=20))
def test_a_window_is_read_or_refused(text: str) -> None:
    try:
        seconds = window_seconds(text)
    except ValueError:
        return
    assert 0 < seconds <= 366 * 86_400
