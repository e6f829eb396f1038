"""kill -9 at any instant of a landing, then a rerun: every event is there once."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import duckdb
import pytest

from ingestion import lake as lake_module
from ingestion.quarantine import reconcile, replay
from tests.ingestion.landing_home import NOW, Home, event, new_home

CHECKOUT = Path(__file__).resolve().parents[2]
FILES, ROWS = 6, 20_000
LAND = f"""
import sys
from datetime import datetime
from pathlib import Path
from ingestion.landing import LandingOptions, land
root = Path(sys.argv[1])
options = LandingOptions(root / "landing", root / "lake",
    datetime.fromisoformat("{NOW.isoformat()}"), settle_seconds=0, load_bytes=1)
print("start", flush=True)
land(options, [])
print("end", flush=True)
"""


def write_events(home: Home) -> None:
    """Files with good events, every hundredth line bad, and one file to refuse."""
    for i in range(FILES):
        duckdb.execute(
            "copy (select 'e' || range as event_id, 'a' as event, "
            "case when range % 100 = 0 then null else 1714557600 + range end as ts, "
            f"'u' || range % 500 as user_id from range({i * ROWS}, {(i + 1) * ROWS})) "
            f"to '{home.path(f'native/{i}.jsonl')}' (format json)"
        )
    home.path("native/bad.jsonl.gz").write_bytes(b"no gzip")


def start(root: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", LAND, str(root)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "start\n"
    return process


def readers_see_whole_loads(home: Home) -> None:
    """What a reader finds after the kill, before any repair."""
    loads = list(home.lake.glob("events/load=*"))
    assert all((load / "manifest.json").exists() for load in loads)
    if loads:
        rows = home.query(
            "select load_id, count(*), count(distinct event_id) from events group by 1"
        )
        assert all(count == distinct == ROWS * 99 // 100 for _, count, distinct in rows)


def kill_and_rerun(root: Path, moments: list[float]) -> int:
    """Kill a landing at these moments, each on a lake of its own; give the hits."""
    template = new_home(root / "template")
    write_events(template)
    undisturbed = start(template.root)
    began = time.monotonic()
    assert undisturbed.wait(60) == 0
    duration = time.monotonic() - began
    shutil.rmtree(template.lake)
    hits = 0
    for i, moment in enumerate(moments):
        home = new_home(root / str(i))
        shutil.rmtree(home.options.landing_dir)
        shutil.copytree(template.options.landing_dir, home.options.landing_dir)
        process = start(home.root)
        time.sleep(moment * duration)
        process.send_signal(signal.SIGKILL)
        hits += process.wait(60) == -signal.SIGKILL
        readers_see_whole_loads(home)
        home.land()
        total, good = FILES * ROWS, FILES * ROWS * 99 // 100
        assert home.query("select count(*), count(distinct event_id) from events") == [
            (good, good)
        ]
        reasons = "select reason_code, count(*) from quarantine group by 1 order by 1"
        assert home.query(reasons) == [
            ("missing_timestamp", total // 100),
            ("truncated_file", 1),
        ]
        assert reconcile(home.lake).lines_read == total + 1
    return hits


def test_kill_at_random_instants(tmp_path: Path) -> None:
    generator = random.Random(20240601)
    assert kill_and_rerun(tmp_path, [generator.random() for _ in range(6)]) > 2


@pytest.mark.campaign
def test_kill_at_many_random_instants(tmp_path: Path) -> None:
    generator = random.Random(7)
    assert kill_and_rerun(tmp_path, [generator.random() for _ in range(60)]) > 30


@pytest.mark.parametrize("step", range(10))
def test_an_end_after_every_rename(
    home: Home, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """The process ends just before its n-th rename, nothing tidied up."""
    old = {"occurred_at": "1998-05-01T00:00:00Z"}
    home.write("native/a.jsonl", [event(1), event(2, **old), {"lost": 1}])
    home.write("native/b.jsonl", [event(3, **old)])
    home.with_options(load_bytes=1).land()
    lenient = home.with_options(floor_date=date(1990, 1, 1))

    class Killed(BaseException):
        pass

    calls = 0

    def counting(name: str, real: object) -> object:
        def wrapped(self: Path, target: Path) -> Path:
            nonlocal calls
            if calls == step:
                raise Killed(name)
            calls += 1
            return real(self, target)  # type: ignore[operator]

        return wrapped

    monkeypatch.setattr(lake_module.shutil, "rmtree", lambda *a, **k: None)
    for name in ("rename", "replace"):
        monkeypatch.setattr(Path, name, counting(name, getattr(Path, name)))
    with contextlib.suppress(Killed):
        replay(lenient.options, [])
    monkeypatch.undo()
    replay(lenient.options, [])
    home.check_books()
    assert home.query("select count(*), count(distinct event_id) from events") == [
        (3, 3)
    ]
    assert home.query("select raw_text from quarantine") == [('{"lost": 1}',)]
