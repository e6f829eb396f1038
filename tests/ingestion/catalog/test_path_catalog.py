"""paths.yml: what is wrong is told with its line; what is right becomes SQL."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from tests.ingestion.catalog.conftest import ProblemsOf, WriteCatalog

PATH = """\
paths:
  - name: after_view
    anchor: {event: page_viewed}
    nodes: {event: purchase_completed, where: revenue > 0}
    node: property('plan')
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            PATH.replace("page_viewed", "page_view"),
            "paths.yml:3: path 'after_view': the event 'page_view' is not declared in "
            "events.yml. Did you mean 'page_viewed'?",
        ),
        (PATH.replace("revenue > 0", "revenue"), "a yes/no condition is needed"),
        (PATH.replace("property('plan')", "plann"), "paths.yml:5: path 'after_view'"),
        (PATH + "    direction: backward\n", "'backward' is not one of after, before"),
        (PATH + "    steps: 11\n", "paths.yml:6: path 'after_view': `steps`"),
        (PATH + "    scop: session\n", "Did you mean 'scope'?"),
        (PATH + "    periods: [week, week]\n", "a period stands in the list twice"),
        ("paths:\n  - {name: after_view}\n", "`anchor` is missing"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    problems_of: ProblemsOf, text: str, told: str
) -> None:
    (problem,) = problems_of(**{"paths.yml": text})
    assert told in problem
    assert problem.startswith("paths.yml:")


def compiled(catalog: Path, out: Path) -> dict[str, object]:
    compile_catalog(load_catalog(catalog), CatalogSettings(), out)
    (row,) = pq.read_table(out / "catalog_paths.parquet").to_pylist()
    return dict(row)


def test_defaults_and_sql(write_catalog: WriteCatalog, tmp_path: Path) -> None:
    row = compiled(write_catalog(**{"paths.yml": PATH}), tmp_path / "out")
    assert row["label"] == "After view"
    assert (row["scope"], row["anchors"], row["direction"], row["step_count"]) == (
        *("session", "first", "after"),
        5,
    )
    assert json.loads(str(row["periods"])) == ["month"]
    assert row["anchor_filter_sql"] == "event_name IN ('page_viewed')"
    assert "event_name IN ('purchase_completed') AND (" in str(row["node_filter_sql"])


def test_what_is_only_shown_differently_keeps_its_hash(
    write_catalog: WriteCatalog, tmp_path: Path
) -> None:
    rows = {
        text: compiled(write_catalog(**{"paths.yml": PATH + text}), tmp_path / "out")
        for text in ("", "    top_nodes: 3\n", "    owner: me\n", "    steps: 2\n")
    }
    hashes = [row["definition_hash"] for row in rows.values()]
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3]
