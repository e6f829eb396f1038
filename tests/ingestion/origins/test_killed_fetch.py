"""kill -9 at any instant of a fetch, then another: every row is there, each once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import obstore
import pytest

from tests.ingestion.landing_home import NOW, event, lines, new_home
from tests.ingestion.origins.fetching_home import SECRETS, FetchingHome
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Server

CHECKOUT = Path(__file__).resolve().parents[3]
OBJECTS, EVENTS, ROWS, ROWS_PER_FILE = 40, 50, 20_000, 500
SOURCES = """
sources:
  - name: web
    format: native
    origin: {type: s3, url: "s3://%s/", endpoint: "%s", access_key: BUCKET_KEY,
             secret_key: BUCKET_SECRET}
  - name: bills
    format: table
    table: payments
    origin: {type: postgres, url: BILLING_URL, table: bills, rows_per_file: 500,
             cursor: {column: n, overlap: 0}}
    columns: {amount: n, occurred_at: paid_at}
"""
FETCH = """
import sys
from datetime import datetime
from pathlib import Path
from ingestion.origins.fetching import fetch
from ingestion.origins.models import FetchOptions
from tests.ingestion.landing_home import sources_of
root, now, url, sources = sys.argv[1:]
secrets = {"BUCKET_KEY": "key", "BUCKET_SECRET": "secret", "BILLING_URL": url}
options = FetchOptions(Path(root), datetime.fromisoformat(now), secrets)
print("start", flush=True)
result = fetch(options, sources_of(sources))
assert not result.failed, result
"""


def start(home: FetchingHome, url: str, sources: str) -> subprocess.Popen[str]:
    landing = str(home.home.options.landing_dir)
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, landing, NOW.isoformat(), url, sources],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "start\n"
    return process


def fill(postgres: PostgresServer, s3: S3Server, bucket: str) -> str:
    """Fill a database and a bucket; give the database's address."""
    url = postgres.new_database()
    postgres.run(
        url,
        "create table bills as select n, 'p' || n as payment_id, timestamptz "
        f"'2024-05-01' as paid_at from generate_series(1, {ROWS}) as n",
    )
    store = s3.new_bucket(bucket)
    for i in range(OBJECTS):
        rows = [event(i * EVENTS + j) for j in range(EVENTS)]
        obstore.put(store, f"{i}.jsonl", lines(rows))
    return url


def everything_is_there_once(home: FetchingHome, kills: int) -> None:
    assert home.query("select count(*), count(distinct event_id) from events") == [
        (OBJECTS * EVENTS, OBJECTS * EVENTS)
    ]
    # A fetch that goes on reads the last known value once more; so does the first one
    # that finds nothing new, and what later ones find is known.
    total, distinct = home.query(
        "select count(*), count(distinct payment_id) from payments"
    )[0]
    assert distinct == ROWS
    assert total <= ROWS + kills + 1
    assert home.staged("web") == home.staged("bills") == []


def kill_and_fetch_again(
    root: Path, postgres: PostgresServer, s3: S3Server, *, seed: int, kills: int
) -> None:
    """Kill so many fetches at random instants, some of one home; let the last end."""
    numbers = random.Random(seed)
    bucket = f"killed-{seed}"
    url = fill(postgres, s3, bucket)
    sources = SOURCES % (bucket, s3.endpoint)

    def new(name: str) -> FetchingHome:
        home = FetchingHome(new_home(root / name), {**SECRETS})
        home.declare(sources)
        return home

    process = start(new("unharmed"), url, sources)
    began = time.monotonic()
    assert process.wait(60) == 0
    duration = time.monotonic() - began
    hits = homes = 0
    while hits < kills:
        homes += 1
        home, hits_before = new(str(homes)), hits
        for _ in range(3):
            process = start(home, url, sources)
            time.sleep(numbers.random() * duration)
            process.send_signal(signal.SIGKILL)
            hits += process.wait(60) == -signal.SIGKILL
            if numbers.random() < 0.3:
                home.land()
        assert start(home, url, sources).wait(60) == 0
        home.land()
        everything_is_there_once(home, hits - hits_before)


def test_kill_at_random_instants(
    tmp_path: Path, postgres: PostgresServer, s3: S3Server
) -> None:
    kill_and_fetch_again(tmp_path, postgres, s3, seed=3, kills=1)


@pytest.mark.campaign
def test_kill_at_fifty_instants(
    tmp_path: Path, postgres: PostgresServer, s3: S3Server
) -> None:
    kill_and_fetch_again(tmp_path, postgres, s3, seed=4, kills=50)
