"""`daybreak privacy`: scan, decrypt, pseudonym; keys that are missing or unusable."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dagster_project.cli.app import app, main
from dagster_project.cli.output import settings_problems
from dagster_project.landing_options import landing_options
from dagster_project.settings import Settings
from ingestion.catalog import load_catalog
from ingestion.landing import land
from ingestion.privacy.keys import read_key_ring
from tests.ingestion.landing_home import NOW, event, lines

KEYS = f"k2:{'n' * 40},k1:{'o' * 40}"
SEALED_BY = read_key_ring(f"k1:{'o' * 40}")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    (catalog / "events.yml").write_text("personal: {phone: encrypt, mail: keep}\n")
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAYBREAK_CATALOG", str(catalog))
    monkeypatch.setenv("DAYBREAK_SETTLE_SECONDS", "0")
    monkeypatch.setenv("DAYBREAK_PERSONAL_KEYS", KEYS)
    return tmp_path / "home"


def run(*arguments: str, given: str | None = None) -> str:
    result = CliRunner().invoke(app, ["privacy", *arguments], input=given)
    assert result.exit_code == 0, result.output
    return result.output


def test_decrypt_reads_arguments_and_lines(home: Path) -> None:
    assert SEALED_BY is not None
    sealed = [SEALED_BY.encrypt(one) for one in ("+4712345678", "é")]
    assert run("decrypt", sealed[0]) == "+4712345678\n"
    assert run("decrypt", given="\n".join(sealed) + "\n") == "+4712345678\né\n"


def test_pseudonyms_of_all_keys(home: Path) -> None:
    ring = read_key_ring(KEYS)
    assert ring is not None
    found = run("pseudonym", "Ann@x.com").split()
    assert found == list(ring.pseudonyms("ann@x.com"))
    assert [one[:3] for one in found] == ["k2:", "k1:"]


def test_scan_shows_places_and_no_values(home: Path) -> None:
    settings = Settings()
    settings.landing.mkdir(parents=True)
    folder = settings.landing / "web"
    folder.mkdir()
    sent = {
        "note": "ask ann.lee@example.com",
        "mail": "b@x.com",
        "phone": "+4712345678",
    }
    (folder / "a.jsonl").write_bytes(lines([event(properties=sent)]))
    catalog = load_catalog(settings.catalog)
    assert land(landing_options(settings, NOW, catalog), catalog.sources).landed == 1
    shown = run("scan")
    assert "note" in shown
    assert "a***@e***.com" in shown
    assert "ann.lee" not in shown
    assert "phone" not in shown.replace("phone or card", "")


@pytest.mark.parametrize(
    ("keys", "said"),
    [("", "DAYBREAK_PERSONAL_KEYS"), ("k1:too-short-a-secret", "shorter than 32")],
)
def test_a_night_without_usable_keys_ends_before_it_begins(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    keys: str,
    said: str,
) -> None:
    monkeypatch.setenv("DAYBREAK_PERSONAL_KEYS", keys)
    monkeypatch.setattr("sys.argv", ["daybreak", "run"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert said in told
    assert "too-short" not in told
    assert not (home / "lake" / "events").exists()


def test_a_secret_that_cannot_be_used_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pydantic import ValidationError

    monkeypatch.setenv("DAYBREAK_ERASURE_KEY", "short-secret")
    monkeypatch.setenv("DAYBREAK_THREADS", "none")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "short-secret" not in settings_problems(refused.value)
    assert "DAYBREAK_THREADS='none'" in settings_problems(refused.value)
