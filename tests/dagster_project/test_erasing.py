"""Erasing a home: every byte, killed at any instant, finished by the next call."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from pydantic import SecretStr

from dagster_project.erasing import erase, preview, resume
from dagster_project.erasing_files import sweep_database
from dagster_project.ledger import Ledger
from dagster_project.open_erasure import (
    JOURNAL,
    OpenErasureError,
    refuse_open_erasure,
)
from dagster_project.publishing import PostgresError, Sensitivity, publish
from dagster_project.settings import Settings
from dagster_project.tables import CHECK_RESULTS
from ingestion.landing import LandingOptions, land
from ingestion.privacy.mentions import Mentions
from ingestion.privacy.remembered import ErasureKeyError
from ingestion.quarantine import reconcile
from tests.ingestion.privacy.byte_search import files_naming

CHECKOUT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = "a secret of many characters"
IDS = ("ann@example.com", "device-of-ann", "laptop-of-ann")
ROWS, FILES = 400, 3


def clock() -> datetime:
    return NOW


def settings_of(home: Path) -> Settings:
    return Settings(home=home, erasure_key=SecretStr(KEY))


def event(number: int, user: str | None, device: str | None) -> str:
    return json.dumps(
        {
            "event_id": f"e{number}",
            "event_name": "x",
            "occurred_at": f"2026-02-{1 + number % 20:02d}T10:00:00Z",
            "user_id": user,
            "anonymous_id": device,
        }
    )


def write_landing(settings: Settings) -> None:
    """Files of which every fourth line is Ann's, by three ids."""
    (settings.landing / "app").mkdir(parents=True)
    for file in range(FILES):
        lines = []
        for i in range(ROWS):
            number = file * ROWS + i
            others = (f"user-{number % 50}", f"device-{number % 50}")
            hers = [(IDS[0], IDS[1]), (None, IDS[1]), (IDS[0], IDS[2])][i // 4 % 3]
            lines.append(event(number, *(hers if i % 4 == 0 else others)))
        lines.append('{"user_id": "ann@example.com", broken')
        path = settings.landing / "app" / f"{file}.jsonl"
        path.write_text("\n".join(lines) + "\n")


def options(settings: Settings) -> LandingOptions:
    return LandingOptions(
        *(settings.landing, settings.lake, NOW),
        settle_seconds=0,
        load_bytes=1,
        erasure_key=KEY.encode(),
    )


@pytest.fixture(scope="session")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a home in which her ids stand wherever they can."""
    home = tmp_path_factory.mktemp("used") / "home"
    settings = settings_of(home)
    write_landing(settings)
    land(options(settings), [])
    settings.warehouse_path.parent.mkdir()
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute(
            "create schema marts; create schema trust; create table marts.dim_persons "
            "as select unnest(['ann@example.com', 'user-1']) as person_id, "
            "'from laptop-of-ann' as note; create table trust.checks as "
            'select \'[{"user_id": "ann@example.com"}]\' as examples; '
            "create table marts.fct_days as select range as day from range(3); "
            "create table marts.fct_referrals as select 'user-1' as inviter_id, "
            "unnest(['ann@example.com', 'user-2']) as invitee_id"
        )
    publish(
        settings.warehouse_path,
        settings.published_database,
        threads=2,
        memory_limit="1GB",
        sensitivity=Sensitivity(
            ["marts.dim_persons", "marts.fct_referrals"], {"trust.checks": ["examples"]}
        ),
    )
    row = dict.fromkeys(CHECK_RESULTS.column_names, "x") | {
        "checked_at": NOW.replace(tzinfo=None),
        "failed_count": 1,
        "examples": '[{"user_id": "ann@example.com"}]',
    }
    Ledger(settings.ledger).record(CHECK_RESULTS, pd.DataFrame([row]), "r1")
    for folder in (settings.reports, settings.logs, settings.dagster_home):
        folder.mkdir()
    settings.dbt_target.mkdir(parents=True)
    (settings.reports / "weekly.html").write_text("<p>device-of-ann and user-1</p>")
    (settings.logs / "a.log").write_text("ANN@EXAMPLE.COM\nuser-1\n")
    (settings.dbt_target / "cache.msgpack").write_bytes(b"\0laptop-of-ann\0")
    with sqlite3.connect(settings.dagster_home / "runs.db") as history:
        history.execute("create table logs (id integer, event text)")
        history.executemany(
            "insert into logs values (?, ?)",
            [(i, f'{{"user": "{one}"}}') for i, one in enumerate((*IDS, "user-1"))],
        )
    history.close()
    return home


@pytest.fixture
def settings(used_home: Path, tmp_path: Path) -> Settings:
    shutil.copytree(used_home, tmp_path / "home", symlinks=True)
    return settings_of(tmp_path / "home")


def check_erased(settings: Settings) -> None:
    """She is nowhere, everybody else is everywhere, and the books are right."""
    assert files_naming(settings.home, [*IDS, "ANN@EXAMPLE.COM"]) == []
    assert not (settings.erasures / JOURNAL).exists()
    account = reconcile(settings.lake)
    assert account.is_balanced
    assert account.erased == FILES * (ROWS // 4 + 1)
    with duckdb.connect() as connection:
        files = f"{settings.lake}/events/load=*/date=*/*.parquet"
        left = connection.execute(
            "select count(*), count(distinct event_id), count(distinct user_id) "
            f"from read_parquet('{files}')"
        ).fetchone()
    assert left == (FILES * ROWS * 3 // 4, FILES * ROWS * 3 // 4, 50)
    assert account.landed == FILES * ROWS * 3 // 4
    statuses = {file.status for file in land(options(settings), []).files}
    assert statuses == {"already_loaded"}
    with duckdb.connect(str(settings.published_database), read_only=True) as connection:
        assert connection.execute("select count(*) from marts.fct_days").fetchone() == (
            3,
        )
    persons = settings.published / "persons.duckdb"
    assert persons.stat().st_mode & 0o777 == 0o440
    with duckdb.connect(str(persons), read_only=True) as connection:
        assert connection.execute("from marts.dim_persons").fetchall() == [
            ("user-1", "from erased")
        ]
        assert connection.execute("from marts.fct_referrals").fetchall() == [
            ("user-1", "user-2")
        ]
    assert (settings.reports / "weekly.html").read_text() == "<p>erased and user-1</p>"


def test_nothing_below_the_home_names_her(settings: Settings) -> None:
    assert len(files_naming(settings.home, IDS)) > 2 * FILES
    before = preview(settings, ["device-of-ann"], ())
    assert len(files_naming(settings.home, IDS)) > 2 * FILES
    told = erase(settings, ["device-of-ann"], clock)
    check_erased(settings)
    assert (told.rows, told.words) == (before.rows, before.words)
    assert told.rows["lake/events"] == told.rows["landing"] - FILES == FILES * ROWS // 4
    assert told.rows["lake/quarantine"] == FILES
    assert told.found_again == 0
    assert len(told.id_hashes) == len(IDS)
    [text] = settings.erasures.glob("*.txt")
    assert "Rows and lines removed" in text.read_text()
    assert not settings.warehouse_path.exists()


def test_rows_under_a_number_go_with_the_id_it_stands_for(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table units as from (values ('ann@example.com', 7), ('user-1', 8)) "
            "as units (unit_id, unit_key); create table unit_days as from (values "
            "(7, 1), (7, 2), (8, 3)) as unit_days (unit_key, y)"
        )
    assert sweep_database(path, Mentions((IDS[0],))).rows == 3
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("from units").fetchall() == [("user-1", 8)]
        assert connection.execute("from unit_days").fetchall() == [(8, 3)]


def test_without_a_key_nothing_is_erased(settings: Settings) -> None:
    keyless = Settings(home=settings.home)
    before = files_naming(settings.home, IDS)
    with pytest.raises(ErasureKeyError, match="set DAYBREAK_ERASURE_KEY"):
        erase(keyless, ["device-of-ann"], clock)
    assert files_naming(settings.home, IDS) == before


def test_a_copy_on_a_server_that_is_away_is_not_forgotten(settings: Settings) -> None:
    away = SecretStr("postgresql://nobody:secret-word@127.0.0.1:1/none")
    with pytest.raises(PostgresError, match="start `daybreak erase --resume`") as told:
        erase(settings.model_copy(update={"postgres_url": away}), [IDS[0]], clock)
    assert "secret-word" not in str(told.value)
    with pytest.raises(PostgresError, match="set DAYBREAK_POSTGRES_URL again"):
        resume(settings, clock)
    assert (settings.erasures / JOURNAL).exists()
    assert not list(settings.erasures.glob("*.txt"))


ERASE = f"""
import sys
from datetime import UTC, datetime
from pathlib import Path
from pydantic import SecretStr
from dagster_project.erasing import erase
from dagster_project.settings import Settings
settings = Settings(home=Path(sys.argv[1]), erasure_key=SecretStr("{KEY}"))
print("start", flush=True)
erase(settings, ["device-of-ann"], lambda: datetime(2026, 3, 1, 12, tzinfo=UTC))
"""


def erase_in_a_process(home: Path, kill_after: float | None) -> float:
    """Erase in another process, killed after some seconds; give how long it took."""
    process = subprocess.Popen(
        [sys.executable, "-c", ERASE, str(home)], cwd=CHECKOUT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"start\n"
    began = time.monotonic()
    if kill_after is not None:
        time.sleep(kill_after)
        process.kill()
    process.wait(60)
    return time.monotonic() - began


def check_kills(used_home: Path, folder: Path, kills: int, seed: int) -> None:
    shutil.copytree(used_home, folder / "whole", symlinks=True)
    duration = erase_in_a_process(folder / "whole", None)
    draw, half_done = random.Random(seed), 0
    for number in range(kills):
        home = folder / str(number)
        shutil.copytree(used_home, home, symlinks=True)
        erase_in_a_process(home, draw.uniform(0.0, 1.0) * duration)
        settings = settings_of(home)
        if (settings.erasures / JOURNAL).exists():
            half_done += 1
            with pytest.raises(OpenErasureError, match="--resume"):
                refuse_open_erasure(settings)
            told = resume(settings, clock)
            assert told.rows["lake/events"] == FILES * ROWS // 4
        elif not list(settings.erasures.glob("*.json")):
            erase(settings, ["laptop-of-ann"], clock)
        check_erased(settings)
        shutil.rmtree(home)
    assert half_done > 0


def test_an_erasure_that_was_killed_is_finished(
    used_home: Path, tmp_path: Path
) -> None:
    check_kills(used_home, tmp_path, kills=3, seed=5)


@pytest.mark.campaign
def test_erasures_killed_at_fifty_instants(used_home: Path, tmp_path: Path) -> None:
    check_kills(used_home, tmp_path, kills=50, seed=11)
