"""`daybreak experiments`: what each command says, writes and refuses."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from dagster_project.analysis.experiment_results.results import results_of
from dagster_project.catalog_folder import compile_into_lake, read_catalog
from dagster_project.cli.app import app
from dagster_project.experiment_frames import tables_of
from dagster_project.exposed_history import exposed_history
from dagster_project.settings import DBT_PROJECT, Settings
from dagster_project.tables import AA_VALIDATION, Table
from dagster_project.warehouse import Warehouse, WarehouseError, warehouse_of
from ingestion.catalog import load_catalog
from tests.analysis.experiment_results.experiments_of_test import Declared, frames_of
from tests.dagster_project.events_of_test import END, events_of, write_warehouse

NAME = "checkout_redesign"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Give a home with the demo's catalog and nothing published."""
    shutil.copytree(DBT_PROJECT / "catalog", tmp_path / "catalog")
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAYBREAK_CATALOG", str(tmp_path / "catalog"))
    return Settings()


@pytest.fixture(scope="module")
def tables() -> dict[Table, pd.DataFrame]:
    """Results of an experiment that may ship."""
    frames = frames_of(Declared(NAME, lift=0.4, units=1_500, planned_units=1_500))
    return tables_of(results_of(frames), frames.metrics.assign(unit="USD"))


@pytest.fixture
def published(settings: Settings, tables: dict[Table, pd.DataFrame]) -> Settings:
    """Give the same with results of an experiment and the history of two metrics."""
    path = settings.published_database
    path.parent.mkdir(parents=True)
    copy = Warehouse(path, 1, "1GB", path.parent)
    for table, frame in tables.items():
        copy.write(table, frame)
    row = dict.fromkeys(AA_VALIDATION.column_names)
    copy.write(
        AA_VALIDATION,
        pd.DataFrame(
            [
                row
                | {"metric_name": "buyers", "metric_kind": "proportion"}
                | {"person_count": 56_000, "level": 0.2, "std_dev": 0.4},
                row
                | {"metric_name": "revenue", "metric_kind": "mean"}
                | {"person_count": 56_000, "level": 0.0, "std_dev": 0.0},
            ]
        ),
    )
    return settings


def run(*arguments: str, expect: int = 0) -> str:
    result = CliRunner().invoke(app, ["experiments", *arguments])
    assert result.exit_code == expect, result.output
    return " ".join(result.output.split())


def test_list_before_and_after_the_first_night(
    settings: Settings, request: pytest.FixtureRequest
) -> None:
    assert f"{NAME} running Checkout redesign no result" in run("list")
    request.getfixturevalue("published")
    assert "Ship variant_a: converted +" in run("list")


def test_new_writes_a_declaration_that_the_catalog_takes(published: Settings) -> None:
    told = run("new", "tour", "--template", "onboarding", "--metric", "buyers")
    assert "units, 21 days" in told
    spec = next(
        one for one in load_catalog(published.catalog).experiments if one.name == "tour"
    )
    assert spec.status == "draft"
    assert spec.planned_days == 21
    # 20 % against 22 %, both tails: (1.96 sqrt(.32) + .8416 sqrt(.3316))^2 / .02^2.
    assert spec.planned_units == pytest.approx(2 * 6_347.4, abs=2)
    again = run(
        *("new", "tour", "--template", "onboarding", "--metric", "buyers"), expect=2
    )
    assert "there is an experiment tour already" in again


@pytest.fixture
def landed(published: Settings) -> Settings:
    """Give the same with the events of 70 days in its warehouse."""
    compile_into_lake(read_catalog(published), published, END)
    write_warehouse(published, events_of(END - timedelta(days=70)))
    return published


def test_new_plans_by_those_who_had_the_event(landed: Settings) -> None:
    wanted = ("--template", "onboarding", "--metric", "buyers")
    everybody = run("new", "tour", *wanted)
    assert "Planned by all 56,000 active persons, over 28 days." in everybody
    told = run("new", "pay", *wanted, "--event", "checkout_started")
    own = exposed_history(
        warehouse_of(landed), landed, "buyers", ["checkout_started"], 7 * 86_400
    )
    assert own is not None
    assert f"Planned by {own.basis}." in told
    assert " persons with checkout_started in 28 days, over 7 days after it" in told
    specs = {one.name: one for one in load_catalog(landed.catalog).experiments}
    assert specs["pay"].exposure.event == ("checkout_started",)
    # Evan Miller's formula, as for everybody: 12,695 units at 20 %.
    low, high = own.level, own.level * 1.1
    apart = low * (1 - low) + high * (1 - high)
    spread = 1.959964 * (2 * low * (1 - low)) ** 0.5 + 0.841621 * apart**0.5
    needed = spread**2 / (high - low) ** 2
    assert own.level > 0.21
    assert specs["pay"].planned_units == pytest.approx(2 * needed, abs=3)
    days = 2 * needed / own.units_per_day
    assert 0 <= specs["pay"].planned_days - days < 7
    path = landed.catalog / "experiments" / "pay.yml"
    assert f"# Planned by {own.basis}." in path.read_text()
    units = f"{specs['pay'].planned_units:,} units"
    assert f"{units}, by {own.basis}" in run("power", "pay")


def test_new_says_when_nobody_had_the_event(landed: Settings) -> None:
    told = run(
        *("new", "help", "--template", "onboarding", "--metric", "buyers"),
        *("--event", "video_uploaded"),
    )
    assert "Too few persons had video_uploaded lately to plan by them." in told
    assert "Planned by all 56,000 active persons" in told
    assert (landed.catalog / "experiments" / "help.yml").exists()


@pytest.mark.parametrize("treatments", [2, 5])
def test_shares_of_many_arms_add_up(published: Settings, treatments: int) -> None:
    run(
        *("new", "many", "--template", "onboarding", "--metric", "buyers"),
        *("--treatments", str(treatments), "--guardrail", "revenue"),
    )
    spec = next(
        one for one in load_catalog(published.catalog).experiments if one.name == "many"
    )
    assert len(spec.variants) == treatments + 1
    assert sum(one.allocation for one in spec.variants) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("new", "x", "--template", "onbording", "--metric", "buyers"), "'onboarding'"),
        (("new", "x", "--template", "pricing", "--metric", "buyer"), "'buyers'"),
        (("new", "x", "--template", "pricing", "--metric", "sign_ups"), "no history"),
        (("new", "x", "--template", "pricing", "--metric", "revenue"), "has been 0"),
        (("new", "Bad", "--template", "pricing", "--metric", "buyers"), "not a name"),
        (("decide", "checkout_redesing"), f"Did you mean '{NAME}'"),
        (("analyze", "nothing_like_it"), "not a declared experiment"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    published: Settings, arguments: tuple[str, ...], words: str
) -> None:
    before = sorted((published.catalog / "experiments").iterdir())
    result = CliRunner().invoke(app, ["experiments", *arguments])
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
    assert sorted((published.catalog / "experiments").iterdir()) == before


def test_power_decide_and_analyze_read_the_last_look(published: Settings) -> None:
    assert published.catalog.is_dir()
    assert "buyers: a lift of 10 % needs" in run("power", NAME)
    told = run("decide", NAME)
    assert "Ship variant_a: converted +" in told
    assert "because: superior metric, guardrails cleared" in told
    table = run("analyze", NAME)
    assert "converted success variant_a +" in table
    assert "Through 2026-01-21" in table


def test_without_a_night_there_is_nothing_to_read(settings: Settings) -> None:
    assert not settings.published_database.exists()
    result = CliRunner().invoke(app, ["experiments", "decide", NAME])
    assert isinstance(result.exception, WarehouseError)
    assert "start `daybreak run`" in str(result.exception)
