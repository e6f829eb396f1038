"""`daybreak retain`: what it says, and what it leaves for a night to take in first."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from dagster_project.cli.app import app
from dagster_project.open_erasure import JOURNAL, OpenErasureError
from ingestion.lake import Lake
from tests.ingestion.landing_home import Home, event, new_home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Give a home in which events of two years ago have landed."""
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path))
    monkeypatch.setenv("DAYBREAK_RAW_RETENTION", "events=100,quarantine=3000")
    home = new_home(tmp_path)
    home.write("app/a.jsonl", [event(i) for i in range(3)])
    home.land()
    return home


def retain(*arguments: str, expect: int = 0) -> str:
    result = CliRunner().invoke(app, ["retain", *arguments])
    assert result.exit_code == expect, result.output
    return " ".join(result.output.split())


def take_in(home: Home, load_id: str) -> None:
    """Let the warehouse say that its models were built up to a load."""
    (home.root / "warehouse").mkdir(exist_ok=True)
    with duckdb.connect(str(home.root / "warehouse" / "warehouse.duckdb")) as warehouse:
        warehouse.execute("create schema intermediate")
        warehouse.execute(
            "create table intermediate.int_event_counts as "
            f"select '{load_id}' as built_through_load_id"
        )


def test_what_no_night_has_taken_in_stays(home: Home) -> None:
    told = retain()
    assert "0 rows removed kept from 2024-05-01 on" in told
    assert "start `daybreak run` first" in told
    assert home.query("select count(*) from events") == [(3,)]


def test_what_a_night_has_taken_in_goes(home: Home) -> None:
    take_in(home, Lake(home.lake).load_ids()[-1])
    told = retain("--dry-run")
    assert "events 3 rows removed" in told
    assert "Nothing was changed." in told
    assert home.query("select count(*) from events") == [(3,)]
    assert "daybreak run" not in retain()
    assert home.query("select count(*) from events") == [(0,)]
    assert "may be built from" in retain("--forget")


def test_nothing_is_removed_without_a_period_or_in_an_open_erasure(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.root / "erasures").mkdir()
    (home.root / "erasures" / JOURNAL).write_text("{}")
    found = CliRunner().invoke(app, ["retain"]).exception
    assert isinstance(found, OpenErasureError)
    (home.root / "erasures" / JOURNAL).unlink()
    assert "nothing to forget" in retain("--forget")
    monkeypatch.setenv("DAYBREAK_RAW_RETENTION", "")
    assert "set DAYBREAK_RAW_RETENTION" in retain(expect=2)
    monkeypatch.setenv("DAYBREAK_RAW_RETENTION", "payments=10")
    assert "DAYBREAK_RAW_RETENTION: 'payments' is built in full" in retain(expect=2)
