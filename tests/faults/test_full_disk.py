"""A disk that fills up in the middle of a landing: nothing lost, nothing twice.

The lake lies on a small tmpfs of its own, mounted in a namespace that only the child
sees; where the machine allows no such namespace the test is skipped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
FILES, ROWS = 8, 20_000
IN_A_NAMESPACE = ("unshare", "--map-root-user", "--mount")
CHILD = """
import json, subprocess, sys
from datetime import UTC, datetime
from pathlib import Path
from ingestion.landing import LandingOptions, land
from ingestion.quarantine import reconcile

root = Path(sys.argv[1])
lake = root / "lake"
lake.mkdir()


def mount(options):
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(lake)], check=True
    )


def rows():
    import duckdb
    files = list(lake.glob("events/load=*/date=2*/*.parquet"))
    if not files:
        return [0, 0]
    return list(duckdb.execute(
        "select count(*), count(distinct event_id) from read_parquet(?)",
        [[str(file) for file in files]],
    ).fetchone())


options = LandingOptions(
    root / "landing", lake, datetime(2026, 1, 1, tzinfo=UTC), settle_seconds=0,
    load_bytes=1, memory_limit="200MB",
)
mount("size=3m")
try:
    land(options, [])
    told = None
except Exception as error:
    told = f"{type(error).__name__}: {error}"
full = rows()
whole = all((load / "manifest.json").exists() for load in lake.glob("events/load=*"))
mount("remount,size=400m")
land(options, [])
print(json.dumps({
    "told": told, "full": full, "whole": whole, "after": rows(),
    "read": reconcile(lake).lines_read,
}))
"""


def can_mount() -> bool:
    """Say whether a child may have a mount of its own."""
    try:
        found = subprocess.run(
            [*IN_A_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return False
    return found.returncode == 0


def test_a_disk_that_fills_up_while_landing(tmp_path: Path) -> None:
    if not can_mount():
        pytest.skip("needs leave to mount a tmpfs in a namespace of its own")
    landing = tmp_path / "landing" / "app"
    landing.mkdir(parents=True)
    for i in range(FILES):
        duckdb.execute(
            "copy (select md5((range)::varchar) as event_id, 'a' as event_name, "
            "timestamp '2024-05-01' + to_seconds(range) as occurred_at, "
            "md5((range * 7)::varchar) as user_id, "
            "md5((range * 13)::varchar) as note "
            f"from range({i * ROWS}, {(i + 1) * ROWS})) "
            f"to '{landing / f'{i}.jsonl'}' (format json)"
        )
    child = subprocess.run(
        [*IN_A_NAMESPACE, sys.executable, "-c", CHILD, str(tmp_path)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr[-2000:]
    found = json.loads(child.stdout.splitlines()[-1])
    assert found["told"] is not None
    assert "space" in found["told"].lower(), found
    count, distinct = found["full"]
    assert count == distinct < FILES * ROWS
    assert count % ROWS == 0
    assert found["whole"]
    assert found["after"] == [FILES * ROWS, FILES * ROWS]
    assert found["read"] == FILES * ROWS
