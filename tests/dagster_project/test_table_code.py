"""An upgrade of Daybreak: tables that other code built are built anew, others not."""

from __future__ import annotations

import copy
import logging
import os
import shutil
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dagster_project import dbt_build, dbt_manifest
from dagster_project.dbt_build import DbtBuilder, NodeResult, selectors
from dagster_project.dbt_manifest import load_manifest, prepare_manifest
from dagster_project.settings import DBT_PROJECT, Settings
from dagster_project.table_code import (
    Upgrade,
    code_hashes,
    plain_code,
    upgrade_of,
    vouch_for_code,
)
from dagster_project.warehouse import warehouse_of
from ingestion.privacy.retention import FOLDER, FORGOTTEN
from tests.dbt_project.warehouse_of_test import WarehouseOfTest

CATALOG = Path(__file__).resolve().parents[1] / "dbt_project" / "catalog"
# Tables without what is said of them parse in a third of the time.
NEEDED = ("dbt_project.yml", "profiles.yml", "models/staging/**/*__sources.yml")
LOADS = ("20260101T000000000000", "20260102T000000000000", "20260103T000000000000")
START = datetime(2026, 3, 6, 20)


def node(
    code: str, *above: str, macros: Collection[str] = (), **config: Any
) -> dict[str, Any]:
    return {
        "resource_type": "model",
        "raw_code": code,
        "config": {"materialized": "incremental", **config},
        "contract": {"checksum": None},
        "depends_on": {"nodes": list(above), "macros": list(macros)},
    }


def macro(name: str, code: str, *calls: str) -> dict[str, Any]:
    return {
        "name": name,
        "package_name": "daybreak",
        "macro_sql": code,
        "depends_on": {"macros": list(calls)},
    }


MANIFEST: dict[str, Any] = {
    "metadata": {"project_name": "daybreak"},
    "macros": {
        "m.outer": macro("outer", "{{ inner() }} {{ context['named']() }}", "m.inner"),
        "m.inner": macro("inner", "1"),
        "m.named": macro("named", "2"),
        "m.strategy": macro("get_incremental_by_day_sql", "delete"),
        "m.listed": macro("changed_days", "3"),
        "m.other": macro("other", "4"),
    },
    "nodes": {
        "staged": node("select 1", "source.events", materialized="view"),
        "days": node(
            "{# By day. #}\nselect\n    1\n",
            "staged",
            macros=["m.outer", "macro.dbt.run_query"],
            incremental_strategy="by_day",
            meta={"changed": {"values": "changed_days"}},
        ),
        "mart": node("select 2", "days", macros=["m.other"], materialized="table"),
        "counts": node("select 3", "mart"),
        "apart": node("select 4"),
    },
}


def changed_by(*place: str, to: str) -> set[str]:
    """Give the models whose hash changes when one text of the manifest does."""
    other = copy.deepcopy(MANIFEST)
    part = other
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = to
    before, after = code_hashes(MANIFEST), code_hashes(other)
    assert before.keys() == after.keys() == {"days", "counts", "apart"}
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize("name", ["outer", "inner", "named", "strategy", "listed"])
def test_a_macro_counts_however_it_is_called(name: str) -> None:
    found = changed_by("macros", f"m.{name}", "macro_sql", to="another")
    assert found == {"days", "counts"}


def test_what_is_above_a_table_counts_for_it_alone() -> None:
    assert changed_by("nodes", "staged", "raw_code", to="x") == {"days", "counts"}
    assert changed_by("nodes", "mart", "raw_code", to="x") == {"counts"}
    assert changed_by("macros", "m.other", "macro_sql", to="x") == {"counts"}
    assert changed_by("nodes", "apart", "config", "meta", to="x") == {"apart"}


def test_a_comment_and_a_margin_are_no_code() -> None:
    layout = "-- Of one day.\n  select\n  {# two\n lines #}\n  1"
    assert changed_by("nodes", "days", "raw_code", to=layout) == set()
    assert (
        plain_code("select '--' -- no comment\n-- one\n") == "select '--' -- no comment"
    )


class Workshop:
    """A copy of the dbt project whose code changes, and a home it builds."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "dbt_project"
        left_out = shutil.ignore_patterns("target", "logs", "marts", "tests", "*.yml")
        shutil.copytree(DBT_PROJECT, self.project, ignore=left_out)
        for path in (path for glob in NEEDED for path in DBT_PROJECT.glob(glob)):
            shutil.copy(path, self.project / path.relative_to(DBT_PROJECT))
        self.settings = Settings(home=folder / "home")
        self.settings.apply_environment()
        self.warehouse = WarehouseOfTest(self.settings.home)
        self.warehouse.database = self.settings.warehouse_path
        self._originals: dict[Path, str] = {}

    def reset(self) -> None:
        """Take back all edits, forget all loads and all tables."""
        for path, text in self._originals.items():
            path.write_text(text)
        self.warehouse.reset()
        self.warehouse.declare(CATALOG)

    def land(self, load_id: str, *persons: str) -> None:
        """Land events of three visits of each person."""
        self.warehouse.land(
            [
                {
                    "event_id": f"{person}-{minute}",
                    "event_name": "page_viewed",
                    "occurred_at": START + timedelta(minutes=minute),
                    "user_id": person,
                    "platform": "web",
                }
                for person in persons
                for minute in (0, 1, 60, 3000)
            ],
            load_id,
        )

    def edit(self, model: str, old: str, new: str) -> None:
        """Change the code of a model."""
        [path] = self.project.rglob(f"{model}.sql")
        text = path.read_text()
        assert old in text
        self._originals.setdefault(path, text)
        path.write_text(text.replace(old, new))

    def upgrade(self, *models: str) -> Upgrade:
        """Tell what a night that builds models would do about their code."""
        manifest = self.manifest()
        due = with_parents([f"model.daybreak.{one}" for one in models], manifest)
        warehouse = warehouse_of(self.settings)
        return upgrade_of(due, manifest, warehouse, self.settings)

    def night(self, *models: str) -> tuple[Upgrade, list[NodeResult]]:
        """Build models and what they are built from, as a layer of a night does."""
        upgrade, manifest = self.upgrade(*models), self.manifest()
        due = with_parents([f"model.daybreak.{one}" for one in models], manifest)
        warehouse = warehouse_of(self.settings)
        results = DbtBuilder(self.settings).build(
            selectors(due, manifest), in_full=upgrade.in_full
        )
        good = [one.unique_id for one in results if one.status == "success"]
        vouch_for_code(good, manifest, warehouse)
        return upgrade, results

    def manifest(self) -> dict[str, Any]:
        prepare_manifest(self.settings)
        return load_manifest(self.settings)

    def tables(self, models: Collection[str]) -> list[list[tuple[Any, ...]]]:
        """Give the rows of intermediate models."""
        return [self.warehouse.table(f"intermediate.{one}") for one in sorted(models)]


def with_parents(unique_ids: list[str], manifest: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    while unique_ids:
        one = unique_ids.pop()
        if one in manifest["nodes"] and one not in found:
            found.add(one)
            unique_ids += manifest["nodes"][one]["depends_on"]["nodes"]
    return found


def names(unique_ids: Collection[str]) -> set[str]:
    return {one.rpartition(".")[2] for one in unique_ids}


@pytest.fixture(scope="module")
def _workshop(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Workshop]:
    before = dict(os.environ)
    made = Workshop(tmp_path_factory.mktemp("workshop"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbt_manifest, "DBT_PROJECT", made.project)
        patch.setattr(dbt_build, "DBT_PROJECT", made.project)
        yield made
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def workshop(_workshop: Workshop) -> Workshop:
    """Give a project as it is, and an empty home; parsing once makes it quick."""
    _workshop.reset()
    return _workshop


def test_a_table_of_other_code_is_built_in_full(workshop: Workshop) -> None:
    """One had a column more, the other gave other numbers."""
    built = ("int_sessions", "int_cohort_days")
    now, once = "select * from final", "select *, 1 as old from final"
    by_id, backwards = "order by unit_source, unit_id", "order by unit_id desc"
    workshop.edit("int_sessions", now, once)
    workshop.edit("int_cohort_units", by_id, backwards)
    workshop.land(LOADS[0], "ann", "bob")
    assert workshop.night(*built)[0] == Upgrade()

    workshop.edit("int_sessions", once, now)
    workshop.edit("int_cohort_units", backwards, by_id)
    workshop.land(LOADS[1], "cid")
    upgrade, results = workshop.night(*built)
    assert {one.status for one in results} == {"success"}
    rebuilt = {*built, "int_cohort_units"}
    assert names(upgrade.in_full) == rebuilt
    mended = workshop.tables(rebuilt)
    assert workshop.upgrade(*built) == Upgrade()

    workshop.warehouse.forget_tables()
    workshop.night(*built)
    assert workshop.tables(rebuilt) == mended


def test_what_the_lake_no_longer_holds_stays_as_it_was_built(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    workshop.land(LOADS[0], "ann", "bob")
    workshop.night("int_person_days")
    mark = workshop.settings.lake / FOLDER / "events=2026-03-07"
    mark.parent.mkdir()
    mark.touch()
    workshop.edit(
        "int_events", "sql') }}, false) as is_bot", "sql') }}, true) as is_bot"
    )
    before = workshop.tables(["int_events"])
    upgrade, results = workshop.night("int_person_days")
    assert {one.status for one in results} == {"success"}
    assert names(upgrade.kept) == {"int_events"}
    assert names(upgrade.in_full) == {"int_person_days"}
    assert workshop.tables(["int_events"]) == before
    upgrade.tell(logging.getLogger())
    assert "before 2026-03-07 stays as other code built it" in caplog.text

    workshop.edit("int_events", "select * from final", "select *, 1 as new from final")
    upgrade, results = workshop.night("int_person_days")
    [broken] = [one for one in results if one.status == "error"]
    assert "daybreak retain --forget" in upgrade.cure_of(broken.unique_id)
    mark.rename(mark.with_name(mark.name + FORGOTTEN))
    upgrade = workshop.upgrade("int_person_days")
    assert names(upgrade.in_full) == {"int_events", "int_person_days"}


def test_what_was_built_anew_each_night_needs_no_lake(workshop: Workshop) -> None:
    """Whose ids are whose once was; its table knows nothing of its own."""
    workshop.land(LOADS[0], "ann", "bob")
    workshop.night("int_events")
    mark = workshop.settings.lake / FOLDER / "events=2026-03-07"
    mark.parent.mkdir()
    mark.touch()
    spans = "intermediate.int_identity_spans"
    for change in (
        f"comment on table {spans} is 'built by code of an earlier Daybreak'",
        f"alter table {spans} drop column declaration_hash",
    ):
        workshop.warehouse.rows(change)
    upgrade, results = workshop.night("int_events")
    assert upgrade == Upgrade(
        frozenset({"model.daybreak.int_identity_spans"}), first_day=upgrade.first_day
    )
    assert {one.status for one in results} == {"success"}
