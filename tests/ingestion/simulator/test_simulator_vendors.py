"""The simulated product in the formats of vendors: files, flaws, refusals."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ingestion.simulator import Dirt, SimulationSpec, simulate
from ingestion.simulator.vendors import VENDORS
from ingestion.sources.snowplow_atomic import ATOMIC_COLUMNS

SPEC: dict[str, Any] = {
    "seed": 5, "persons": 60, "start": date(2026, 2, 1), "days": 4,
}  # fmt: skip


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


@pytest.mark.parametrize("vendor", VENDORS)
def test_same_specification_same_bytes(tmp_path: Path, vendor: str) -> None:
    spec = SimulationSpec(**SPEC, vendor=vendor, dirt=Dirt.typical())
    first, second = simulate(spec, tmp_path / "1"), simulate(spec, tmp_path / "2")
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert first.truth == second.truth


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_has_the_events_of_the_product(tmp_path: Path, vendor: str) -> None:
    """A line an event; the truth is that of the native files."""
    native = simulate(SimulationSpec(**SPEC), tmp_path / "native")
    theirs = simulate(SimulationSpec(**SPEC, vendor=vendor), tmp_path / "theirs")
    assert theirs.row_count == theirs.event_count == native.event_count
    assert theirs.truth["days"] == native.truth["days"]
    lines = sum(
        content.count(b"\n") for content in contents(tmp_path / "theirs").values()
    )
    assert lines == native.event_count


@pytest.mark.parametrize("vendor", VENDORS)
def test_cut_off_lines_are_cut_off(tmp_path: Path, vendor: str) -> None:
    spec = SimulationSpec(**SPEC, vendor=vendor, dirt=Dirt(malformed=0.2))
    total = simulate(spec, tmp_path).truth["dirt"]["total"]

    def is_whole(line: bytes) -> bool:
        if VENDORS[vendor].suffix == "tsv":
            return line.count(b"\t") == len(ATOMIC_COLUMNS) - 1
        try:
            return isinstance(json.loads(line), dict)
        except ValueError:
            return False

    lines = b"".join(contents(tmp_path).values()).splitlines()
    cut = [line for line in lines if not is_whole(line)]
    assert len(cut) == total["malformed_cut_off"] > 10
    assert all(12 <= len(line.decode()) < 36 for line in cut)


def test_a_vendors_files_may_be_compressed(tmp_path: Path) -> None:
    for formats in ("jsonl", "jsonl.gz"):
        spec = SimulationSpec(**SPEC, vendor="snowplow", formats=formats)
        simulate(spec, tmp_path / formats)
    plain, packed = contents(tmp_path / "jsonl"), contents(tmp_path / "jsonl.gz")
    assert set(packed) == {f"{name}.gz" for name in plain}
    assert all(name.endswith(".tsv") for name in plain)
    assert [gzip.decompress(content) for content in packed.values()] == list(
        plain.values()
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"vendor": "segmnt"}, "vendor='segmnt' is none of"),
        ({"vendor": "segment", "formats": "csv"}, "a layout of its own"),
        ({"vendor": "segment", "formats": "parquet"}, "a layout of its own"),
        ({"vendor": "segment", "naming": "camelCase"}, "names its fields itself"),
    ],
)
def test_wrong_choices_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SimulationSpec(**SPEC, **wrong)
