"""Orders in the catalog: mistakes are told with their line, the rest becomes SQL."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from tests.ingestion.catalog.conftest import ProblemsOf, WriteCatalog

SHOP = """\
orders:
  - name: shop
    line: {event: purchase_completed}
    order: property('invoice')
    dimensions: [country, {name: plan, sql: property('plan')}]
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            SHOP.replace("purchase_completed", "purchase_complete"),
            "revenue.yml:3: orders 'shop': the event 'purchase_complete' is not "
            "declared in events.yml. Did you mean 'purchase_completed'?",
        ),
        (SHOP.replace("[country,", "[countri,"), "Did you mean 'country'?"),
        (SHOP.replace("[country,", "[event_id,"), "differs in every event"),
        (SHOP.replace("[country,", "[{name: plan, sql: os},"), "in the list twice"),
        (SHOP.replace("[country,", "[{name: all, sql: country},"), "name of the total"),
        (SHOP.replace("order: property", "order: proprty"), "proprty"),
        (SHOP + "    value: country\n", "a number is needed"),
        (SHOP + "    refund: {event: refund}\n", "the event 'refund' is not declared"),
        (SHOP + "    refunds: {event: purchase_completed}\n", "refunds"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    problems_of: ProblemsOf, text: str, told: str
) -> None:
    (problem,) = problems_of(**{"revenue.yml": text})
    assert told in problem
    assert problem.startswith("revenue.yml:")


def test_defaults_are_those_of_the_documentation(
    write_catalog: WriteCatalog, tmp_path: Path
) -> None:
    plain = "orders: [{name: shop, line: {event: purchase_completed}}]\n"
    catalog = load_catalog(write_catalog(**{"revenue.yml": plain}))
    compile_catalog(catalog, CatalogSettings(), tmp_path)
    (row,) = pq.read_table(tmp_path / "catalog_orders.parquet").to_pylist()
    assert (row["order_sql"], row["customer_sql"]) == ("event_id", "person_id")
    assert row["value_sql"] == "TRY_CAST(revenue AS DECIMAL(18, 6))"
    assert row["refund_filter_sql"] == "FALSE"
    assert json.loads(row["dimensions"]) == []
