"""Days of raw events expire, and what was made of them stays: real landing, real dbt.

The oracle is a lake that keeps everything and lands the same files: nothing that people
read may tell the two apart.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.lake import open_lake
from ingestion.landing import LandingOptions, land
from ingestion.privacy.retention import Retained, forget, retain
from tests.dbt_project.test_incremental_equals_rebuild import MARTS
from tests.dbt_project.warehouse_of_test import WarehouseOfTest
from tests.ingestion.landing_home import lines

Event = dict[str, Any]

# Whether all marts stay is asked once, in the campaign; the rest is about what reads
# raw events.
ALL = ("+marts",)
CORE = ("+marts.core", "+marts.metrics")

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, KEPT = 30, 10
TODAY = START + timedelta(days=DAYS)
FIRST_KEPT = (TODAY - timedelta(days=KEPT)).date()
NEWEST_LOAD = "99991231T000000000000"
# Every model that reads the events of the lake and is not built anew each night, with
# its columns that speak of loads.
READERS = {
    "int_landed_days": ("last_load_id",),
    "int_identity_links": ("built_through_load_id",),
    "int_identity_sightings": ("built_through_load_id",),
    "int_events": ("load_id",),
}


def event(
    number: object, at: datetime, user: str | None, device: str | None, **columns: Any
) -> Event:
    return {
        "event_id": f"e{number}",
        "event_name": "page_viewed",
        "occurred_at": at.isoformat(),
        "received_at": (at + timedelta(seconds=5)).isoformat(),
        "user_id": user,
        "anonymous_id": device,
        "platform": "web",
    } | columns


def history(days: Iterable[int]) -> list[Event]:
    """Twenty persons; who owns a phone is said once, on the second day."""
    draw = random.Random(7)
    found = []
    for day in days:
        for person in range(20):
            is_known = day == 1 and person % 2 == 0
            name = draw.choice(["page_viewed", "page_viewed", "purchase_completed"])
            found.append(
                event(
                    f"{day}-{person}",
                    START + timedelta(days=day, minutes=draw.randrange(1440)),
                    f"user-{person}" if is_known else None,
                    f"phone-{person}",
                    event_name=name,
                    revenue=draw.randrange(90) if name.startswith("p") else None,
                    properties={"$set": {"day": str(day)}} if person == 4 else {},
                )
            )
    return found


class Nights:
    """Nights over the one lake of the tests."""

    def __init__(
        self,
        warehouse: WarehouseOfTest,
        catalog: Path,
        home: Path,
        areas: tuple[str, ...] = CORE,
    ) -> None:
        self.warehouse, self.catalog, self.landing = warehouse, catalog, home / "app"
        self.areas = areas
        self.landing.mkdir(parents=True, exist_ok=True)
        self.started = 0
        warehouse.forget_tables()
        shutil.rmtree(warehouse.lake)

    def land(self, events: Iterable[Event]) -> int:
        """Land one file more; give how many of its lines went to quarantine."""
        self.started += 1
        (self.landing / f"{self.started}.jsonl").write_bytes(lines(events))
        now = TODAY + timedelta(hours=self.started)
        options = LandingOptions(
            self.landing.parent, self.warehouse.lake, now, settle_seconds=0
        )
        return land(options, []).quarantined

    def build(self) -> None:
        self.warehouse.declare(self.catalog)
        self.warehouse.build(select=self.areas)

    def expire(self, taken_in: str = NEWEST_LOAD) -> Retained:
        with open_lake(self.warehouse.lake) as lake:
            return retain(
                *(lake, self.landing.parent, {"events": KEPT}, TODAY.date()),
                taken_in=taken_in,
            )

    def marts(self) -> dict[str, list[tuple[Any, ...]]]:
        built = self.warehouse.rows(
            "select schema_name || '.' || table_name from duckdb_tables()"
        )
        names = [name for name in MARTS if (name,) in built]
        assert "marts.fct_metrics" in names
        return {name: self.warehouse.table(name) for name in names}

    def kept(self) -> dict[str, list[tuple[Any, ...]]]:
        """What all marts are made of, but for the loads that it came with."""
        return {
            model: self.warehouse.table(f"intermediate.{model}", without)
            for model, without in READERS.items()
        }


def first_night(nights: Nights) -> None:
    nights.land(history(range(DAYS)))
    nights.build()


def later_files() -> list[list[Event]]:
    """What comes after days have expired; none of it may change what was theirs."""
    noon = TODAY + timedelta(hours=12)
    # Without a login: links of expired days were last built by an older load.
    without_login = [event(f"new{i}", noon, None, f"phone-{i}") for i in range(20)]
    second_copy = history([1])[2] | {
        "occurred_at": noon.isoformat(),
        "received_at": (noon + timedelta(hours=1)).isoformat(),
    }
    # Phone 3 was nobody's so far: its expired days turn out to be a user's.
    login = event("login", noon + timedelta(minutes=1), "user-3", "phone-3")
    return [without_login, [second_copy, login]]


@pytest.mark.parametrize(
    "areas",
    [
        pytest.param(CORE, id="core and metrics"),
        pytest.param(ALL, id="all areas", marks=pytest.mark.campaign),
    ],
)
def test_marts_stay_as_if_nothing_had_expired(
    warehouse: WarehouseOfTest, catalog: Path, tmp_path: Path, areas: tuple[str, ...]
) -> None:
    """Of all areas in the campaign: they rest on what the `READERS` keep.

    That no other model reads the lake, and that all areas follow what they rest on,
    has always-run tests of its own (below, and `test_incremental_equals_rebuild`).
    """
    control = Nights(warehouse, catalog, tmp_path / "control", areas)
    for file in (history(range(DAYS)), *later_files()):
        control.land(file)
    control.build()
    expected = control.marts(), control.kept()

    nights = Nights(warehouse, catalog, tmp_path / "retained", areas)
    first_night(nights)
    expired = (DAYS - KEPT) * 20
    assert nights.expire().rows == {"events": expired}
    # A late event and copies of expired ones open no day that has expired.
    late = event("late", START + timedelta(days=4), "user-2", "phone-2")
    assert nights.land([late, *history([4])]) == 21
    for file in later_files():
        assert nights.land(file) == 0
        nights.build()
    assert (nights.marts(), nights.kept()) == expected
    for model, count in (
        ("staging.stg_events", 0),
        ("intermediate.int_events", expired),
    ):
        assert warehouse.rows(
            f"select count(*) from {model} where event_date < date '{FIRST_KEPT}'"
        ) == [(count,)]


@pytest.fixture
def retained(warehouse: WarehouseOfTest, catalog: Path, tmp_path: Path) -> Nights:
    """Give a home where days have expired, with a catalog of its own."""
    own = tmp_path / "catalog"
    shutil.copytree(catalog, own)
    nights = Nights(warehouse, own, tmp_path / "home")
    first_night(nights)
    nights.expire()
    return nights


def test_what_would_forget_expired_days_is_refused(retained: Nights) -> None:
    """Dropped, rebuilt on demand, rebuilt for another rule: each reader of the lake."""
    warehouse, before = retained.warehouse, retained.marts()
    refused = f"the lake no longer holds events before {FIRST_KEPT}.*retain --forget"
    for model in READERS:
        with pytest.raises(AssertionError, match=f"{model} would be built .*{refused}"):
            warehouse.dbt("run", "--full-refresh", "--select", model)
    plan = retained.catalog / "events.yml"
    declared = plan.read_text()
    plan.write_text(declared.replace("traffic:", "identity: {junk_ids: [x]}\ntraffic:"))
    with pytest.raises(AssertionError, match=refused):
        retained.build()
    plan.write_text(declared)
    retained.build()
    assert retained.marts() == before
    # Models over models may be built anew: they read no raw event.
    warehouse.dbt(
        "run", "--full-refresh", "--select", "int_sessions", "int_metric_values"
    )
    retained.build()
    assert retained.marts() == before
    warehouse.forget_tables()
    with pytest.raises(AssertionError, match=refused):
        retained.build()


def test_forgetting_is_accepted_once(retained: Nights) -> None:
    warehouse = retained.warehouse
    warehouse.forget_tables()
    forget(warehouse.lake, "events")
    retained.build()
    [(first_day,)] = warehouse.rows("select min(date_day) from marts.dim_dates")
    assert first_day == FIRST_KEPT
    with open_lake(warehouse.lake) as lake:
        retain(
            *(lake, retained.landing.parent, {"events": KEPT - 1}, TODAY.date()),
            taken_in=NEWEST_LOAD,
        )
    warehouse.forget_tables()
    with pytest.raises(AssertionError, match="would be built in full"):
        retained.build()


def test_every_incremental_reader_of_raw_events_is_known(
    warehouse: WarehouseOfTest, catalog: Path
) -> None:
    """A model that reads the lake, also through views, has to refuse."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.contracts.graph.nodes import ModelNode

    warehouse.declare(catalog)
    parsed = warehouse.dbt("parse").result
    assert isinstance(parsed, Manifest)
    views = {"source.daybreak.raw.events"}
    while found := {
        name
        for name, node in parsed.nodes.items()
        if isinstance(node, ModelNode)
        and node.config.materialized == "view"
        and name not in views
        and views & {*node.depends_on.nodes}
    }:
        views |= found
    readers = {
        node.name
        for node in parsed.nodes.values()
        if isinstance(node, ModelNode)
        and node.config.materialized == "incremental"
        and views & {*node.depends_on.nodes}
    }
    assert readers == {*READERS}


def test_days_that_no_night_has_taken_in_are_kept(
    warehouse: WarehouseOfTest, catalog: Path, tmp_path: Path
) -> None:
    nights = Nights(warehouse, catalog, tmp_path / "home")
    first_night(nights)
    [(taken_in,)] = warehouse.rows(
        "select max(built_through_load_id) from intermediate.int_event_counts"
    )
    nights.land([event("late", START + timedelta(days=4), "user-2", "phone-2")])
    kept_from = date(2026, 1, 5)
    assert nights.expire("").rows == {"events": 0}
    done = nights.expire(taken_in)
    assert (done.rows, done.first_days) == ({"events": 80}, {"events": kept_from})
    nights.build()
    assert nights.expire().first_days == {"events": FIRST_KEPT}
    # The late event stands among those of its day.
    [(count,)] = warehouse.rows(
        f"select count(*) from intermediate.int_events where event_date = '{kept_from}'"
    )
    assert count == 21
