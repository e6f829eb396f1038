"""The command line: help that teaches, and exit codes that mean something."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dagster_project.cli import app as application
from dagster_project.cli.app import app
from dagster_project.nightly.exit_codes import ExitCode
from dagster_project.run_lock import hold_run_lock
from dagster_project.settings import CHECKOUT, Settings
from ingestion.catalog import load_catalog
from ingestion.landing import LandingOptions, land

runner = CliRunner()

COMMANDS = (
    ("run",),
    ("ingest",),
    ("report",),
    ("publish",),
    ("simulate",),
    ("catalog", "check"),
    ("catalog", "infer"),
    ("quarantine", "list"),
    ("quarantine", "replay"),
    ("ui",),
)


def main(
    *arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Run as the terminal does; return the exit code and what was said on stderr."""
    monkeypatch.setattr(sys, "argv", ["daybreak", *arguments])
    with pytest.raises(SystemExit) as left:
        application.main()
    code = left.value.code
    return int(code or 0), capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_teaches_by_example(command: tuple[str, ...]) -> None:
    result = runner.invoke(app, [*command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"daybreak {' '.join(command)}" in result.stdout


def test_help_names_every_command_and_exit_code() -> None:
    result = runner.invoke(app, ["--help"], env={"COLUMNS": "300"})
    for command in COMMANDS:
        assert command[0] in result.stdout
    assert "dbt" in result.stdout
    for code in ExitCode:
        assert f"{code.value} " in result.stdout


def test_help_is_quick() -> None:
    """No command's heavy imports are paid for by help."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, dagster_project.cli.app; "
            "print([m for m in ('dagster', 'dbt', 'great_expectations', 'pandas') "
            "if m in sys.modules])",
        ],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.usefixtures("home")
def test_an_unknown_command_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = main("frobnicate", monkeypatch=monkeypatch, capsys=capsys)
    assert code == ExitCode.USAGE
    assert "frobnicate" in said


def test_a_busy_home_is_exit_code_3(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings()
    monkeypatch.setattr("os.getpid", lambda: 1)
    with hold_run_lock(settings.run_lock, "daybreak run", "2026-03-01 03:00:00Z"):
        monkeypatch.setattr("os.getpid", lambda: 2)
        code, said = main("report", monkeypatch=monkeypatch, capsys=capsys)
    assert code == ExitCode.BUSY
    assert "daybreak run (process 1, since 2026-03-01 03:00:00Z)" in said
    assert "--wait" in said


@pytest.mark.usefixtures("home")
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAYBREAK_REPORTING_TIMEZONE", "Mars/Base")
    code, said = main("run", monkeypatch=monkeypatch, capsys=capsys)
    assert code == ExitCode.USAGE
    assert "DAYBREAK_REPORTING_TIMEZONE='Mars/Base'" in said


@pytest.mark.usefixtures("home")
def test_a_wrong_catalog_is_named_with_file_and_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "metrics.yml").write_text(
        "metrics:\n  - name: sign_ups\n    type: cuont\n    event: signed_up\n"
    )
    monkeypatch.setenv("DAYBREAK_CATALOG", str(tmp_path))
    for command in (("catalog", "check"), ("run",)):
        code, said = main(*command, monkeypatch=monkeypatch, capsys=capsys)
        assert code == ExitCode.USAGE
        assert "metrics.yml:3" in said.replace("\n", "")
        assert "count" in said


@pytest.mark.usefixtures("home")
def test_an_instant_that_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = main("run", "--as-of", "soon", monkeypatch=monkeypatch, capsys=capsys)
    assert code == ExitCode.USAGE
    assert "'soon' is no instant" in said


@pytest.mark.usefixtures("home")
def test_an_unknown_check_cannot_be_accepted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = main(
        "run", "--accept", "volume", monkeypatch=monkeypatch, capsys=capsys
    )
    assert code == ExitCode.USAGE
    assert "daily_volume" in said
    assert "required_properties_vanished" in said


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", ["daily_volume", "required_properties_vanished"])
def test_every_check_of_the_gate_can_be_accepted(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("run", "--accept", name, "--as-of", "soon")
    _, said = main(*arguments, monkeypatch=monkeypatch, capsys=capsys)
    assert "is no check" not in said
    assert "'soon' is no instant" in said


@pytest.mark.usefixtures("home")
def test_before_the_first_night_there_is_nothing_to_report_or_publish(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = main("report", monkeypatch=monkeypatch, capsys=capsys)
    assert code == ExitCode.USAGE
    assert "daybreak run" in said
    code, said = main("publish", monkeypatch=monkeypatch, capsys=capsys)
    assert code == ExitCode.GATE_FAILED
    assert "daybreak run" in said


def test_simulate_writes_files_and_the_truth(home: Path) -> None:
    result = runner.invoke(
        app, ["simulate", "--days", "5", "--persons", "20", "--format", "csv"]
    )
    assert result.exit_code == 0, result.output
    assert len(list((home / "landing" / "app").glob("events-*.csv"))) == 5
    assert json.loads((home / "truth.json").read_text())


@pytest.mark.usefixtures("home")
def test_simulate_refuses_what_cannot_be() -> None:
    result = runner.invoke(app, ["simulate", "--days", "0"])
    assert result.exit_code == ExitCode.USAGE


@pytest.mark.usefixtures("home")
def test_an_empty_quarantine_says_so() -> None:
    result = runner.invoke(app, ["quarantine", "list"])
    assert result.exit_code == 0
    assert "No row waits" in result.stdout


def test_an_unexpected_error_is_exit_code_4_with_a_traceback_kept(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write_text("a file where the home should be")
    code, said = main("report", monkeypatch=monkeypatch, capsys=capsys)
    assert code == ExitCode.CRASH
    kept = Path(said.replace("\n", "").rsplit("traceback is in ", 1)[1].strip())
    assert "Traceback" in kept.read_text()
    kept.unlink()


@pytest.mark.usefixtures("home")
def test_an_inferred_catalog_is_usable_and_never_written_over_another(
    tmp_path: Path,
) -> None:
    settings = Settings()
    events = settings.landing / "app" / "a.jsonl"
    events.parent.mkdir(parents=True)
    rows = [
        {
            "event": "opened",
            "ts": 1_714_557_600 + i,
            "user_id": "u",
            "properties": {"n": i},
        }
        for i in range(30)
    ]
    events.write_text("\n".join(json.dumps(row) for row in rows))
    assert runner.invoke(app, ["catalog", "infer"]).exit_code == ExitCode.USAGE
    now = datetime(2024, 6, 1, tzinfo=UTC)
    land(LandingOptions(settings.landing, settings.lake, now), ())
    target = tmp_path / "inferred" / "events.yml"
    arguments = ["catalog", "infer", "--source", "app", "--output", str(target)]
    assert runner.invoke(app, arguments).exit_code == ExitCode.OK
    plan = load_catalog(target.parent).events
    assert [event.name for event in plan.events] == ["opened"]
    assert plan.events[0].required_properties == ("n",)
    assert runner.invoke(app, ["catalog", "infer"]).stdout == target.read_text()
    assert runner.invoke(app, arguments).exit_code == ExitCode.USAGE
    unknown = runner.invoke(app, ["catalog", "infer", "--source", "ap"])
    assert "no events of source ap have landed yet" in unknown.output
    assert "there are events of app" in unknown.output
