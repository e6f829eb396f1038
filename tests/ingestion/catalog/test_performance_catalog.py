"""operations.yml and moves between roles: mistakes with their line, defaults, SQL."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from tests.ingestion.catalog.conftest import ProblemsOf, WriteCatalog

MEASURE = """\
performance:
  - name: pages
    events: {event: page_viewed}
    value: value
    failed: platform = 'x'
"""
MOVES = """\
role_migrations:
  - name: roles
    events: {event: page_viewed}
    from_role: property('from')
    to_role: property('to')
"""


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (
            "operations.yml",
            MEASURE.replace("page_viewed", "page_view"),
            "operations.yml:3: measure 'pages': the event 'page_view' is not declared "
            "in events.yml. Did you mean 'page_viewed'?",
        ),
        ("operations.yml", MEASURE.replace("platform =", "plat ="), "operations.yml:5"),
        (
            "operations.yml",
            MEASURE.replace("    value: value\n", "    slow_above: 3\n"),
            "`slow_above` needs a `value`",
        ),
        (
            "operations.yml",
            MEASURE + "    thresholds: {uptime_rate: 0.99}\n",
            "the threshold of uptime_rate needs `uptime`",
        ),
        (
            "operations.yml",
            MEASURE + "    thresholds: {failure_rate: 1.5}\n",
            "failure_rate",
        ),
        (
            "operations.yml",
            MEASURE + "    outcome: {event: email_sent, key: property('id'}\n",
            "operations.yml:",
        ),
        (
            "audience.yml",
            MOVES + "    succeeded: property('ok')\n",
            "a yes/no condition is needed",
        ),
        (
            "audience.yml",
            MOVES + "    satisfaction: {event: survey}\n",
            "the event 'survey' is not declared",
        ),
        ("audience.yml", MOVES.replace("to_role", "too_role"), "role"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    problems_of: ProblemsOf, file: str, text: str, told: str
) -> None:
    problems = problems_of(**{file: text})
    assert any(told in problem for problem in problems)
    assert all(problem.startswith(file) for problem in problems)


def test_defaults_and_sql(write_catalog: WriteCatalog, tmp_path: Path) -> None:
    text = MEASURE + "    uptime: {}\n    thresholds: {uptime_rate: 0.99}\n"
    catalog = write_catalog(**{"operations.yml": text, "audience.yml": MOVES})
    compile_catalog(load_catalog(catalog), CatalogSettings(), tmp_path / "out")
    (row,) = pq.read_table(tmp_path / "out" / "catalog_performance.parquet").to_pylist()
    assert row["periods"] == '["day","week","month"]'
    assert (row["uptime_seconds"], row["down_above"]) == (300, "0.5")
    assert row["uptime_rate_threshold"] == Decimal("0.99")
    assert row["p95_threshold"] is None
    assert row["failed_sql"] == "(platform = 'x')"
    path = tmp_path / "out" / "catalog_role_migrations.parquet"
    (roles,) = pq.read_table(path).to_pylist()
    assert (roles["periods"], roles["answer_seconds"]) == ('["month"]', None)
    assert roles["answer_filter_sql"] == "FALSE"
