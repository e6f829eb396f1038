"""Groups of audience.yml, growth.yml and segments.yml: mistakes, defaults, series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from tests.ingestion.catalog.conftest import ProblemsOf, WriteCatalog

CONTENT = "content:\n  - name: courses\n    events: {event: page_viewed}\n"


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("audience.yml", CONTENT, "content 'courses': `by` is missing"),
        (
            "audience.yml",
            CONTENT.replace("page_viewed", "page_view") + "    by: page\n",
            "Did you mean 'page_viewed'?",
        ),
        (
            "audience.yml",
            "geography:\n  - {name: g, by: contry}\n",
            "audience.yml:2: geography 'g': ",
        ),
        (
            "audience.yml",
            "geography:\n  - {name: g, value: country}\n",
            "a number is needed",
        ),
        (
            "audience.yml",
            "market_segments:\n  - {name: m, by: page, periods: [week, week]}\n",
            "a period stands in the list twice",
        ),
        (
            "growth.yml",
            "challenges:\n  - {name: c, by: page}\n",
            "challenge 'c': `value` is missing",
        ),
        (
            "growth.yml",
            "shares:\n  - {name: s, by: page, returns: {event: page_viewed, by: x1}}\n",
            "growth.yml:2: share 's': ",
        ),
        (
            "segments.yml",
            "features:\n  - {name: f, by: page, eligible: {event: sign}}\n",
            "feature 'f': the event 'sign' is not declared in events.yml",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(
    problems_of: ProblemsOf, file: str, text: str, told: str
) -> None:
    (problem,) = problems_of(**{file: text})
    assert told in problem
    assert problem.startswith(file)


def compiled(catalog: Path, out: Path, table: str) -> list[dict[str, Any]]:
    compile_catalog(load_catalog(catalog), CatalogSettings(), out)
    rows: list[dict[str, Any]] = pq.read_table(out / f"{table}.parquet").to_pylist()
    return rows


def test_definitions_share_the_series_they_both_read(
    write_catalog: WriteCatalog, tmp_path: Path
) -> None:
    catalog = write_catalog(
        **{
            "audience.yml": "geography:\n  - {name: one}\n  - {name: two, unit: USD}\n",
            "growth.yml": "achievements:\n  - {name: three, by: country}\n",
            "segments.yml": "features:\n  - {name: four, by: country}\n",
        }
    )
    rows = compiled(catalog, tmp_path / "out", "catalog_groups")
    by_name = {row["definition_name"]: row for row in rows}
    assert by_name["one"]["kind"] == "geography"
    assert by_name["one"]["periods"] == '["week","month"]'
    for other in ("two", "three"):
        for key in ("series_key", "base_series_key"):
            assert by_name["one"][key] == by_name[other][key]
    # Only the time to adopt needs the instant of the first use.
    assert by_name["four"]["series_key"] != by_name["one"]["series_key"]
    series = compiled(catalog, tmp_path / "out", "catalog_cohort_series")
    assert len(series) == 4
