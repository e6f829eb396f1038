"""Acquisition in the catalog: what it refers to must be there, and fit."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from tests.ingestion.catalog.conftest import ProblemsOf, WriteCatalog

RETENTION = """\
ltv:
  - {name: value, target: {event: purchase_completed}, breakdowns: [utm_source]}
"""
COSTS = """\
attribution:
  - {name: sales, conversion: {event: purchase_completed}, models: [first, linear]}
acquisition:
  - name: costs
    ltv: value
    breakdown: utm_source
    attribution: sales
    model: linear
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            COSTS.replace("ltv: value", "ltv: valeu"),
            "revenue.yml:5: acquisition 'costs': no LTV is called 'valeu'. "
            "Did you mean 'value'?",
        ),
        (
            COSTS.replace("breakdown: utm_source", "breakdown: utm_sorce"),
            "no breakdown of the LTV 'value' is called 'utm_sorce'. "
            "Did you mean 'utm_source'?",
        ),
        (COSTS.replace("attribution: sales", "attribution: sale"), "'sales'"),
        (COSTS.replace("linear\n", "last\n"), "no model of the attribution 'sales'"),
        (COSTS.replace("    attribution: sales\n", ""), "none is named"),
        (COSTS + "    horizon: 13\n", "follows 12 periods, not 13"),
        (COSTS + "    spend_by: source\n", "'source' is not one of utm_source"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    problems_of: ProblemsOf, text: str, told: str
) -> None:
    (problem,) = problems_of(**{"revenue.yml": text, "retention.yml": RETENTION})
    assert told in problem
    assert problem.startswith("revenue.yml:")


def test_the_horizon_is_what_the_ltv_follows(
    write_catalog: WriteCatalog, tmp_path: Path
) -> None:
    catalog = write_catalog(**{"revenue.yml": COSTS, "retention.yml": RETENTION})
    compile_catalog(load_catalog(catalog), CatalogSettings(), tmp_path)
    (row,) = pq.read_table(tmp_path / "catalog_acquisition.parquet").to_pylist()
    assert (row["horizon_period_number"], row["spend_column"]) == (12, "utm_source")
