"""Break the data in many ways: each stops the night, and yesterday's figures stand."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.landing import LandingOptions, land
from tests.end_to_end.conftest import OF_OTHER_CODE, Tonight, Yesterday
from tests.end_to_end.home_of_test import CHECKOUT, HomeOfTest

Event = dict[str, Any]


@dataclass(frozen=True)
class Breakage:
    """How the data is broken, and words that the failed night must say."""

    name: str
    apply: Callable[[Yesterday], None]
    says: tuple[str, ...]
    arguments: tuple[str, ...] = ()


def todays_events(yesterday: Yesterday) -> Iterator[Event]:
    with yesterday.todays_file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def land_changed(
    change: Callable[[int, Event], list[str]],
) -> Callable[[Yesterday], None]:
    """Put today's file into landing, each event changed to some lines."""

    def apply(yesterday: Yesterday) -> None:
        lines = [
            line
            for number, event in enumerate(todays_events(yesterday))
            for line in change(number, event)
        ]
        target = yesterday.home.landing / "app" / yesterday.todays_file.name
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")

    return apply


def without_persons(_: int, event: Event) -> list[str]:
    return [json.dumps({**event, "user_id": None, "anonymous_id": None})]


def without_course_id(_: int, event: Event) -> list[str]:
    if event["event_name"] == "course_viewed":
        event["properties"].pop("course_id")
    return [json.dumps(event)]


def sent_three_times(_: int, event: Event) -> list[str]:
    return [json.dumps(event)] * 3


def half_malformed(number: int, event: Event) -> list[str]:
    line = json.dumps(event)
    return [line[: len(line) // 2] if number % 2 else line]


def lower_case_currency(_: int, event: Event) -> list[str]:
    return [json.dumps({**event, "currency": "usd"})]


def nearly_nothing(number: int, event: Event) -> list[str]:
    return [json.dumps(event)] if number % 60 == 0 else []


def tampered_load(sql: str) -> Callable[[Yesterday], None]:
    """Rewrite newly landed files behind ingestion's back, as `select ... from rows`."""

    def apply(yesterday: Yesterday) -> None:
        land_changed(lambda _, event: [json.dumps(event)])(yesterday)
        land(
            LandingOptions(
                landing_dir=yesterday.home.landing,
                lake_dir=yesterday.home.lake,
                now=datetime.now(UTC),
                settle_seconds=0,
            ),
            [],
        )
        load = max((yesterday.home.lake / "events").glob("load=2*"))
        for path in load.glob("date=*/*.parquet"):
            with duckdb.connect() as connection:
                connection.execute(
                    "create table rows as select * from read_parquet(?, "
                    "hive_partitioning = false)",
                    [str(path)],
                )
                connection.execute(f"copy ({sql}) to '{path}' (format parquet)")

    return apply


def in_warehouse(sql: str) -> Callable[[Yesterday], None]:
    """Land today's file and change a table of the warehouse by hand."""

    def apply(yesterday: Yesterday) -> None:
        land_changed(lambda _, event: [json.dumps(event)])(yesterday)
        warehouse = yesterday.home.path / "warehouse" / "warehouse.duckdb"
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute(sql)

    return apply


def wrong_manifest(yesterday: Yesterday) -> None:
    path = max((yesterday.home.lake / "events").glob("load=2*/manifest.json"))
    manifest = json.loads(path.read_text())
    manifest["files"][0]["landed"] += 7
    path.write_text(json.dumps(manifest))


def crossed_forecast(yesterday: Yesterday) -> None:
    [path] = (yesterday.home.lake / "ledger" / "forecasts").glob("*.parquet")
    with duckdb.connect() as connection:
        connection.execute("create table rows as from read_parquet(?)", [str(path)])
        connection.execute("update rows set lower_95 = upper_95 + 1")
        connection.execute(f"copy rows to '{path}' (format parquet)")


BREAKAGES = (
    Breakage(
        "nobody",
        land_changed(without_persons),
        ("Gate failed: events_without_ids", "What to do"),
    ),
    Breakage(
        "a required property that vanished",
        land_changed(without_course_id),
        ("required_properties_vanished", "course_viewed", "course_id"),
    ),
    Breakage("sent three times", land_changed(sent_three_times), ("duplicate",)),
    Breakage("half malformed", land_changed(half_malformed), ("quarantine",)),
    Breakage("currency", land_changed(lower_case_currency), ("currenc",)),
    Breakage(
        "an outage",
        land_changed(nearly_nothing),
        ("volume",),
        ("--as-of", "2026-02-10"),
    ),
    Breakage(
        "no event names",
        tampered_load("select * replace (null as event_name) from rows"),
        ("event_name",),
    ),
    Breakage(
        "clocks that run ahead",
        tampered_load(
            "select * replace (occurred_at + interval 3 day as occurred_at) from rows"
        ),
        ("occurred_after_received",),
    ),
    Breakage("a manifest that miscounts", wrong_manifest, ("every_count_reconciles",)),
    Breakage(
        "events lost from the warehouse",
        in_warehouse(
            "delete from intermediate.int_person_days where activity_date = "
            "(select min(activity_date) from intermediate.int_person_days)"
        ),
        ("every_count_reconciles",),
    ),
    Breakage(
        "sessions that overlap",
        in_warehouse(
            "update intermediate.int_sessions "
            "set ended_at = ended_at + interval 90 day "
            "where session_start_date = date '2026-01-05'"
        ),
        ("sessions_end_after_they_start",),
    ),
    Breakage("a crossed forecast", crossed_forecast, ("lower", "upper")),
    Breakage(
        "a figure that a hand changed",
        in_warehouse(
            "update intermediate.int_sessions "
            "set page_view_count = page_view_count + 1 "
            "where session_start_date < date '2026-01-31'"
        ),
        ("second_engine_agrees", "sessions", "is_bounce", "What to do"),
    ),
)


# One for each kind of gate: landed data, dbt, an analysis. The campaign has all.
ALWAYS = (
    *("a required property that vanished", "sessions that overlap"),
    "a crossed forecast",
)


@pytest.mark.parametrize(
    "breakage",
    [
        pytest.param(
            breakage,
            id=breakage.name,
            marks=[] if breakage.name in ALWAYS else pytest.mark.campaign,
        )
        for breakage in BREAKAGES
    ],
)
def test_broken_data_stops_the_night(yesterday: Yesterday, breakage: Breakage) -> None:
    home = yesterday.home
    before = home.published.read_bytes()
    breakage.apply(yesterday)

    done = home.daybreak("run", *breakage.arguments, expect=1)

    said = done.stdout + done.stderr
    for words in breakage.says:
        assert words in said, said
    assert home.published.read_bytes() == before
    status = json.loads((home.path / "published" / "status.json").read_text())
    assert status["stale"] is True


def test_a_good_night_publishes_today(
    kept_yesterday: Yesterday, tonight: Tonight
) -> None:
    """And what stands is not built again."""
    home = tonight.home
    newest_day = "select max(activity_date) from marts.fct_active_persons_daily"
    table = OF_OTHER_CODE.partition(".")[2]
    assert f"code changed, built in full: {table}\n" in tonight.said
    assert home.value(newest_day) > kept_yesterday.home.value(newest_day)
    status = json.loads((home.path / "published" / "status.json").read_text())
    assert status["stale"] is False

    published = home.rows("from marts.fct_metrics order by all")
    again = home.daybreak("run").stdout
    for layer in ("staging", "intermediate", "marts"):
        assert re.search(rf"Build {layer} .* unchanged ", again), again
    assert home.rows("from marts.fct_metrics order by all") == published
    passed = (
        "select count(*) from trust.check_results where status = 'passed' group by "
        "run_id order by max(checked_at) desc limit 2"
    )
    [latest, earlier] = home.rows(passed)
    assert latest == earlier


@pytest.mark.campaign
def test_a_mended_file_lets_the_next_night_pass(yesterday: Yesterday) -> None:
    home = yesterday.home
    land_changed(without_persons)(yesterday)
    home.daybreak("run", expect=1)
    bad = max((home.lake / "events").glob("load=2*"))
    shutil.rmtree(bad)
    land_changed(lambda _, event: [json.dumps(event)])(yesterday)
    home.daybreak("run")


def test_a_wrong_catalog_is_told_with_file_and_line(
    yesterday: Yesterday, tmp_path: Path
) -> None:
    catalog = tmp_path / "catalog"
    shutil.copytree(CHECKOUT / "dbt_project" / "catalog", catalog)
    text = (catalog / "metrics.yml").read_text()
    (catalog / "metrics.yml").write_text(
        text.replace("event: signed_up", "event: signd_up", 1)
    )
    home = HomeOfTest(yesterday.home.path, catalog)
    before = home.published.read_bytes()
    done = home.daybreak("run", expect=2)
    said = done.stdout + done.stderr
    assert "metrics.yml:" in said
    assert "signed_up" in said
    assert home.published.read_bytes() == before
