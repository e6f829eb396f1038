"""Formats, namings, determinism, atomicity and refusals."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest

from ingestion.simulator import Dirt, Format, Naming, SimulationSpec, simulate
from ingestion.simulator.writing import DayWriter

SPEC: dict[str, Any] = {
    "seed": 5, "persons": 300, "start": date(2026, 2, 1), "days": 6,
}  # fmt: skip
NAMES = {
    "snake_case": ("event_id", "event_name", "occurred_at", "user_id", "properties"),
    "camelCase": ("eventId", "eventName", "occurredAt", "userId", "properties"),
    "legacy": ("event_id", "event_type", "timestamp", "user_id", "event_data"),
}


def digests(directory: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.iterdir()
    }


def reader(directory: Path, formats: Format) -> str:
    files = f"'{directory}/*.{formats}'"
    if formats == "parquet":
        return f"read_parquet({files})"
    if formats == "csv":
        return f"read_csv({files}, all_varchar = true)"
    return f"read_json({files}, format = 'newline_delimited', sample_size = -1)"


@pytest.mark.parametrize("formats", get_args(Format))
def test_same_specification_same_bytes(tmp_path: Path, formats: Format) -> None:
    spec = SimulationSpec(**SPEC, formats=formats, dirt=Dirt.typical())
    first, second = simulate(spec, tmp_path / "1"), simulate(spec, tmp_path / "2")
    assert digests(tmp_path / "1") == digests(tmp_path / "2")
    assert first.truth == second.truth


def test_another_seed_gives_other_events(tmp_path: Path) -> None:
    simulate(SimulationSpec(**SPEC), tmp_path / "1")
    simulate(SimulationSpec(**SPEC | {"seed": 6}), tmp_path / "2")
    one, two = digests(tmp_path / "1"), digests(tmp_path / "2")
    assert one.keys() == two.keys()
    assert not set(one.values()) & set(two.values())


@pytest.mark.parametrize("naming", get_args(Naming))
@pytest.mark.parametrize("formats", get_args(Format))
def test_every_format_and_naming_says_the_same(
    tmp_path: Path, formats: Format, naming: Naming
) -> None:
    """Each is compared with plain JSON lines, read by DuckDB's own readers."""
    simulate(SimulationSpec(**SPEC), tmp_path / "plain")
    simulate(SimulationSpec(**SPEC, formats=formats, naming=naming), tmp_path / "other")

    def content(directory: Path, of: Format, names: tuple[str, ...]) -> list[Any]:
        event_id, event_name, occurred_at, user_id, properties = names
        return (
            duckdb.connect()
            .execute(
                f"""
            select {event_id}::varchar, {event_name}, {occurred_at}::timestamp,
                {user_id}, ({properties}::json ->> 'course_id'), city, page,
                revenue::decimal(18, 2), value::double
            from {reader(directory, of)} order by 1
            """
            )
            .fetchall()
        )

    expected = content(tmp_path / "plain", "jsonl", NAMES["snake_case"])
    assert content(tmp_path / "other", formats, NAMES[naming]) == expected
    assert len(expected) > 3_000


def test_parquet_is_typed(tmp_path: Path) -> None:
    simulate(SimulationSpec(**SPEC, formats="parquet"), tmp_path)
    types = {
        name: kind
        for name, kind, *_ in duckdb.connect()
        .execute(f"describe from {reader(tmp_path, 'parquet')}")
        .fetchall()
    }
    assert types["occurred_at"] == types["received_at"] == "TIMESTAMP"
    assert types["revenue"] == types["value"] == "DECIMAL(18,2)"
    assert types["event_id"] == types["properties"] == "VARCHAR"


@pytest.mark.parametrize("formats", ["csv", "parquet"])
def test_broken_rows_of_tabular_formats(tmp_path: Path, formats: Format) -> None:
    spec = SimulationSpec(**SPEC, formats=formats, dirt=Dirt(malformed=0.2))
    total = simulate(spec, tmp_path).truth["dirt"]["total"]
    source = reader(tmp_path, formats).replace(
        "all_varchar = true", "all_varchar = true, null_padding = true"
    )
    cut, nameless, undated = (
        duckdb.connect()
        .execute(
            f"""
        select count(*) filter (length(event_id) < 36),
            count(*) filter (length(event_id) = 36 and event_name is null),
            count(*) filter (
                event_name is not null and try_cast(occurred_at as timestamp) is null
            )
        from {source}
        """
        )
        .fetchall()[0]
    )
    assert cut == total["malformed_cut_off"]
    assert (cut > 0) == (formats == "csv")
    assert nameless == total["malformed_nameless"] > 0
    assert undated == total["malformed_undated"] > 0


def test_one_file_a_day_in_order_of_receipt(tmp_path: Path) -> None:
    result = simulate(SimulationSpec(**SPEC), tmp_path)
    names = [f"events-2026-02-0{day}.jsonl" for day in range(1, 7)]
    assert [file.path.name for file in result.files] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for file in result.files:
        lines = file.path.read_text(encoding="utf-8").splitlines()
        received = [line.split('"received_at":"')[1][:24] for line in lines]
        assert received == sorted(received)
        assert {text[:10] for text in received} == {file.path.name[7:17]}
        assert len(lines) == file.row_count
        assert file.byte_count == file.path.stat().st_size


def test_large_days_are_written_in_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(SimulationSpec(**SPEC), tmp_path / "whole")
    monkeypatch.setattr("ingestion.simulator.writing.SLICE_ROWS", 700)
    simulate(SimulationSpec(**SPEC), tmp_path / "sliced")
    assert digests(tmp_path / "whole") == digests(tmp_path / "sliced")


def test_a_file_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("ingestion.simulator.writing.TextSink.write", fail)
    with pytest.raises(OSError, match="disk full"):
        simulate(SimulationSpec(**SPEC), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_writer_without_days_writes_nothing(tmp_path: Path) -> None:
    with DayWriter(tmp_path / "none", "jsonl", None) as writer:  # type: ignore[arg-type]
        assert writer.finish() == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"persons": 0}, "persons=0"),
        ({"days": 0}, "days=0"),
        ({"seed": -1}, "seed=-1"),
        ({"start": date(1999, 1, 1)}, "start=1999-01-01"),
        ({"events_target": 10}, "events_target=10"),
        ({"formats": "xml"}, "formats='xml'"),
        ({"naming": "kebab-case"}, "naming='kebab-case'"),
    ],
)
def test_impossible_specifications_are_refused(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SimulationSpec(**SPEC | change)
