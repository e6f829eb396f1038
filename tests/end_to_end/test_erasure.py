"""A person is erased from a home that has worked: as somebody who was asked to do it.

Small files of every shape beside a simulated product, two loads, PostgreSQL; then the
search of every byte, the same files sent again, and the night after.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dagster_project.open_erasure import JOURNAL
from ingestion.quarantine import reconcile
from ingestion.simulator import SimulationSpec, simulate
from tests.end_to_end.home_of_test import CHECKOUT, HomeOfTest
from tests.ingestion.privacy.byte_search import files_naming
from tests.servers.postgres import PostgresServer

Event = dict[str, Any]

START, DAYS = date(2026, 1, 1), 16
NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
# Whom nobody may find again, by whatever one asks for her.
IDS = ("ann-4711", "phone-of-ann", "laptop-of-ann", "crm-ann-1", "Ann@Example.com")
OTHER = "user-kept"
SECRETS = {"DAYBREAK_ERASURE_KEY": "a secret of many characters"}
SOURCES = """
sources:
  - name: crm
    format: table
    table: persons
    reader: {format: csv}
  - name: shop
    format: table
    table: payments
    reader: {format: csv}
"""


def event(number: int, user: str | None, device: str | None, **more: Any) -> Event:
    at = NOON + timedelta(minutes=40 * number)
    return {
        "event_id": f"own-{number}",
        "event_name": "page_viewed",
        "occurred_at": at.isoformat(),
        "user_id": user,
        "anonymous_id": device,
        "platform": "web",
        "page": "/courses",
        "properties": {},
    } | more


def her_events() -> list[Event]:
    """By phone, by laptop, linked by an id of the CRM; and the word of another."""
    mail = {"$set": {"email": "Ann@Example.com"}}
    return [
        *(event(i, None, "phone-of-ann") for i in range(3)),
        event(3, "ann-4711", "phone-of-ann", properties=mail),
        event(4, "ann-4711", "laptop-of-ann"),
        event(5, "ann-4711", None, properties={"$ids": ["crm-ann-1"]}),
        event(6, None, "crm-ann-1"),
        event(7, "ann-4711", "shared-tablet"),
        event(8, None, "shared-tablet"),
    ]


def events_of_others() -> list[Event]:
    return [
        event(20, OTHER, "shared-tablet"),
        event(21, None, "shared-tablet"),
        event(22, OTHER, "device-kept", page="/u/ann-4711"),
        event(23, OTHER, "device-kept", properties={"invited": "ann@example.com"}),
    ]


def lines(events: list[Event]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


def write_landing(landing: Path) -> None:
    """Her events once in every shape of file, each with others' around them."""
    app = landing / "app"
    hers, others = her_events(), events_of_others()
    mixed = [*others[:2], *hers, *others[2:]]
    (app / "own.jsonl").write_bytes(lines(mixed) + b'{"user_id": "ann-4711", broken\n')
    (app / "own.jsonl.gz").write_bytes(gzip.compress(lines(mixed)))
    with pa.CompressedOutputStream(str(app / "own.jsonl.zst"), "zstd") as out:
        out.write(lines(mixed))
    (app / "array.json").write_text(json.dumps(mixed))
    flat = [{**one, "properties": json.dumps(one["properties"])} for one in mixed]
    pq.write_table(pa.Table.from_pylist(flat), app / "own.parquet")
    heads = ("event_id", "event_name", "occurred_at", "user_id", "anonymous_id", "page")
    rows = [",".join(str(one[head] or "") for head in heads) for one in mixed]
    (app / "own.csv").write_text("\n".join((",".join(heads), *rows)) + "\n")
    for name, content in (
        ("crm", "user_id,email,recorded_at\nann-4711,Ann@Example.com,2026-01-02\n"),
        ("shop", "payment_id,user_id,occurred_at,amount\np1,ann-4711,2026-01-03,5\n"),
    ):
        folder = landing / name
        folder.mkdir()
        (folder / "a.csv").write_text(
            content
            + content.splitlines()[1]
            .replace("ann-4711", OTHER)
            .replace("Ann@Example.com", "kept@example.com")
            .replace("p1", "p2")
            + "\n"
        )


def catalog_of(folder: Path) -> Path:
    shutil.copytree(CHECKOUT / "dbt_project" / "catalog", folder)
    (folder / "sources.yml").write_text(SOURCES)
    return folder


def new_home(folder: Path, **settings: str) -> HomeOfTest:
    """Give a home that took in two loads, the second by a whole night.

    The tables of events took them in one by one, the others both at once.
    """
    home = HomeOfTest(folder / "home", catalog_of(folder / "catalog"))
    app = home.landing / "app"
    simulate(
        SimulationSpec(persons=120, start=START, days=DAYS, events_target=2_500), app
    )
    write_landing(home.landing)
    last = max(app.glob("events-*"))
    last.rename(folder / last.name)
    home.daybreak("ingest", **SECRETS)
    home.daybreak("dbt", "run", "--quiet", "--select", "+marts.core", **SECRETS)
    (folder / last.name).rename(last)
    home.daybreak("run", **SECRETS, **settings)
    return home


@dataclass(frozen=True)
class Used:
    """A home of two loads and a night, and the database it is copied to."""

    home: HomeOfTest
    url: str

    def copied_to(self, folder: Path) -> Used:
        """Give a copy that a test may change; the database is the same one."""
        shutil.copytree(self.home.path, folder / "home", symlinks=True)
        return replace(self, home=HomeOfTest(folder / "home", self.home.catalog))

    def daybreak(
        self, *arguments: str, expect: int | None = 0, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        return self.home.daybreak(
            *arguments, expect=expect, **self.settings(), **settings
        )

    def settings(self) -> dict[str, str]:
        return SECRETS | ({"DAYBREAK_POSTGRES_URL": self.url} if self.url else {})


@pytest.fixture(scope="session")
def used(tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer) -> Used:
    url = postgres.new_database()
    folder = tmp_path_factory.mktemp("erasure")
    return Used(new_home(folder, DAYBREAK_POSTGRES_URL=url), url)


def tables_naming(server: PostgresServer, url: str) -> list[str]:
    """Give the tables on PostgreSQL in which one of her ids stands."""
    tables = server.rows(
        url,
        "select format('%I.%I', table_schema, table_name) from "
        "information_schema.tables where table_type = 'BASE TABLE' "
        "and table_schema not in ('pg_catalog', 'information_schema')",
    )
    assert len(tables) >= 20
    named = "|".join(IDS)
    return [
        str(name)
        for (name,) in tables
        if server.rows(url, f"select 1 from {name} as t where t::text ~* '{named}'")
    ]


def others(home: HomeOfTest) -> list[tuple[Any, ...]]:
    """Give what is published of everybody else; a device may speak for one."""
    return home.rows(
        "select coalesce(user_id, person_id), event_count, session_count "
        "from marts.dim_persons where person_id not like '%ann%' order by all"
    )


def test_one_person_leaves_and_does_not_come_back(
    used: Used, postgres: PostgresServer, tmp_path: Path
) -> None:
    used = used.copied_to(tmp_path)
    home, before = used.home, others(used.home)
    found = files_naming(home.path, IDS)
    places = {name.split("/")[0] for name in found}
    assert places >= {"landing", "lake", "warehouse", "published"}
    assert tables_naming(postgres, used.url)
    told = used.daybreak("erase", "--user", "phone-of-ann", "--dry-run").stdout
    assert "Nothing was changed." in told
    assert files_naming(home.path, IDS) == found

    done = used.daybreak("erase", "--user", "phone-of-ann").stdout
    assert files_naming(home.path, IDS) == []
    assert tables_naming(postgres, used.url) == []
    # The counts are those that were foretold.
    counted = [line for line in told.splitlines() if line.startswith("    ")]
    assert len(counted) > 5
    assert set(counted) <= set(done.splitlines())
    assert re.search(r"Mentions found after all +0\n", done)
    assert reconcile(home.lake).is_balanced

    # The same lines in another file: its checksum is not known.
    again = lines([*her_events(), *events_of_others()[:2]])
    (home.landing / "app" / "again.jsonl").write_bytes(again)
    assert re.search(r" [1-9]\d* events", used.daybreak("run").stdout)
    (home.landing / "app" / "again.jsonl").unlink()
    assert files_naming(home.path, IDS) == []
    assert tables_naming(postgres, used.url) == []
    assert others(home) == before


@pytest.mark.campaign
def test_a_person_is_known_by_days_that_have_expired(
    used: Used, tmp_path: Path
) -> None:
    """Whose her devices are stands in the warehouse only, with most she did."""
    used = replace(used.copied_to(tmp_path), url="")
    home, before = used.home, others(used.home)
    days = home.rows(
        "select event_name, period_start, event_count from marts.fct_event_counts "
        "where period = 'day' order by all"
    )
    kept = (datetime.now(UTC).date() - (START + timedelta(days=12))).days
    periods = {"DAYBREAK_RAW_RETENTION": f"events={kept},landing=1"}
    used.daybreak("retain", **periods)
    told = used.daybreak("erase", "--user", "laptop-of-ann").stdout
    assert "the days that expired" in told
    assert files_naming(home.path, IDS) == []
    used.daybreak("run")
    assert files_naming(home.path, IDS) == []
    assert others(home) == before
    hers = {("page_viewed", datetime(2026, 1, 10)): 9}
    assert home.rows(
        "select event_name, period_start, event_count from marts.fct_event_counts "
        "where period = 'day' order by all"
    ) == sorted(
        (name, day, count - hers.get((name, day), 0)) for name, day, count in days
    )


def killed_erasure(used: Used, after: float | None) -> float:
    """Erase by the CLI, killed some seconds after its journal is written.

    Gives how long it worked from then on.
    """
    journal = used.home.path / "erasures" / JOURNAL
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster_project", "erase", "--user", "crm-ann-1"],
        cwd=CHECKOUT,
        env=used.home.environment(**used.settings()),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not journal.exists() and process.poll() is None:
        time.sleep(0.002)
    began = time.monotonic()
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    return time.monotonic() - began


def check_finished(used: Used, server: PostgresServer) -> None:
    if (used.home.path / "erasures" / JOURNAL).exists():
        used.daybreak("erase", "--resume")
    assert files_naming(used.home.path, IDS) == []
    assert tables_naming(server, used.url) == []
    assert reconcile(used.home.lake).is_balanced
    [certificate] = (used.home.path / "erasures").glob("*.json")
    assert json.loads(certificate.read_text())["rows"]["lake/events"] == 54


@pytest.mark.campaign
def test_an_erasure_that_was_killed_is_finished(
    used: Used, postgres: PostgresServer, tmp_path: Path
) -> None:
    used = used.copied_to(tmp_path)
    killed_erasure(used, 0.3)
    assert files_naming(used.home.path, IDS)
    for command in (("publish",), ("quarantine", "replay"), ("retain",), ("run",)):
        refused = used.daybreak(*command, expect=None)
        assert refused.returncode in (2, 4)
        assert "daybreak erase --resume" in refused.stdout + refused.stderr
    check_finished(used, postgres)


@pytest.mark.campaign
def test_erasures_killed_at_many_instants(
    used: Used, postgres: PostgresServer, tmp_path: Path
) -> None:
    duration = killed_erasure(used.copied_to(tmp_path / "whole"), None)
    draw, half_done = random.Random(7), 0
    for number in range(30):
        one = used.copied_to(tmp_path / str(number))
        killed_erasure(one, draw.uniform(0.0, 1.0) * duration)
        half_done += (one.home.path / "erasures" / JOURNAL).exists()
        check_finished(one, postgres)
        shutil.rmtree(one.home.path)
    assert half_done > 10
