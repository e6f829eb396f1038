"""Settings: defaults, environment, validation, and the table of the README."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from dagster_project.settings import CHECKOUT, DAGSTER_YAML, Settings, settings_table


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DAYBREAK_")]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("bare")
def test_defaults_lie_in_the_checkout() -> None:
    settings = Settings()
    assert settings.home == CHECKOUT / ".daybreak"
    assert settings.catalog == CHECKOUT / "dbt_project" / "catalog"
    assert settings.reporting_timezone == "UTC"


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("DAYBREAK_REPORTING_TIMEZONE", "Europe/Berlin", "reporting_timezone", None),
        ("DAYBREAK_WEEK_START", "sunday", "week_start", None),
        ("DAYBREAK_THREADS", "3", "threads", 3),
        ("DAYBREAK_SCHEDULE_HOUR", "5", "schedule_hour", 5),
        ("DAYBREAK_SETTLE_SECONDS", "0", "settle_seconds", 0.0),
        ("DAYBREAK_CATALOG", "/somewhere/else", "catalog", Path("/somewhere/else")),
    ],
)
def test_the_environment_overrides_defaults(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, field: str, expected: object
) -> None:
    monkeypatch.setenv(name, value)
    assert getattr(Settings(), field) == (value if expected is None else expected)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DAYBREAK_REPORTING_TIMEZONE", "Mars/Base", "IANA time zone"),
        ("DAYBREAK_WEEK_START", "someday", "monday"),
        ("DAYBREAK_THREADS", "0", "greater than or equal to 1"),
        ("DAYBREAK_MEMORY_LIMIT", "plenty", "pattern"),
        ("DAYBREAK_SCHEDULE_HOUR", "24", "less than or equal to 23"),
    ],
)
def test_nonsense_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=says):
        Settings()


def test_every_path_lies_below_the_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    paths = [
        getattr(settings, name)
        for name, value in vars(Settings).items()
        if isinstance(value, property)
    ]
    inside = [path for path in paths if isinstance(path, Path)]
    assert len(inside) >= 12
    assert all(path.is_relative_to(tmp_path) for path in inside)


def test_applying_makes_the_home_and_sends_nothing_anywhere(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in Settings().environment():
        monkeypatch.setenv(name, "before")
    monkeypatch.setenv("DAYBREAK_HOME", str(home))
    settings = Settings(threads=2, memory_limit="1GB", catalog=home)
    settings.apply_environment()
    assert os.environ["DAGSTER_HOME"] == str(home / "dagster")
    assert os.environ["DAYBREAK_WAREHOUSE_PATH"] == str(
        home / "warehouse" / "warehouse.duckdb"
    )
    assert os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    written = yaml.safe_load((home / "dagster" / "dagster.yaml").read_text())
    assert written["telemetry"] == {"enabled": False}
    assert written["concurrency"] == {"runs": {"max_concurrent_runs": 1}}
    # Without it a killed run stays in the queue, and later ones wait behind it.
    assert written["run_monitoring"]["enabled"] is True


def test_folders_with_rows_of_persons_are_closed_to_others(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    settings.apply_environment()
    modes = {path.name: path.stat().st_mode & 0o7 for path in settings.home.iterdir()}
    closed = {"landing", "lake", "warehouse", "logs", "dagster", "erasures"}
    assert {name for name, others in modes.items() if others == 0} == closed
    assert modes["published"] == modes["reports"] == 0o5
    # What somebody opened on purpose stays open.
    settings.landing.chmod(0o777)
    settings.apply_environment()
    assert settings.landing.stat().st_mode & 0o777 == 0o777


def test_an_outdated_dagster_yaml_is_replaced(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    settings.apply_environment()
    assert (settings.dagster_home / "dagster.yaml").read_text() == DAGSTER_YAML


def test_midnight_is_that_of_the_reporting_zone() -> None:
    settings = Settings(reporting_timezone="America/New_York")
    moment = datetime(2026, 3, 8, 7, 0, tzinfo=UTC)  # 3 o'clock, the day clocks change
    assert settings.midnight(moment) == datetime(2026, 3, 8, 5, 0, tzinfo=UTC)
    later = datetime(2026, 3, 9, 7, 0, tzinfo=UTC)
    assert settings.midnight(later) == datetime(2026, 3, 9, 4, 0, tzinfo=UTC)


def test_every_setting_is_explained() -> None:
    table = settings_table()
    for name, field in Settings.model_fields.items():
        assert field.description
        assert f"`DAYBREAK_{name.upper()}`" in table
    assert str(CHECKOUT) not in table


def test_the_readme_shows_the_table() -> None:
    readme = CHECKOUT / "README.md"
    if not readme.exists():
        pytest.skip("no README here")
    assert settings_table().strip() in readme.read_text(encoding="utf-8")
