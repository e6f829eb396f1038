"""What a declared source gives to the landing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from ingestion.catalog import compile_expression, load_catalog

WriteCatalog = Callable[..., Path]

RETAIL = """\
sources:
  - name: online_retail
    format: table
    description: Order lines of a gift shop.
    files: ["2010/*.csv", "2011/*.csv"]
    reader: {format: csv, encoding: ISO-8859-1, null_values: ["", "NA"]}
    event_name: >
      case when cast(Quantity as integer) < 0
      then 'returned' else 'bought' end
    occurred_at: {column: InvoiceDate, format: "%Y-%m-%d %H:%M:%S",
                  timezone: Europe/London}
    event_id: file_name || ':' || line_number
    columns:
      user_id: split_part(CustomerID, '.', 1)
      revenue: cast(Quantity as decimal(18, 6)) * cast(UnitPrice as decimal(18, 6))
      currency: "'GBP'"
    properties: [InvoiceNo, "Stock Code"]
    where: InvoiceNo is not null
"""


def test_a_table_source(write_catalog: WriteCatalog) -> None:
    source = load_catalog(write_catalog(sources=RETAIL)).source("online_retail")
    assert source.files == ("2010/*.csv", "2011/*.csv")
    assert source.reader is not None
    assert source.reader.encoding == "latin-1"
    assert source.reader.delimiter == ","
    assert source.reader.null_values == ("", "NA")
    assert source.occurred_at is not None
    assert source.occurred_at.column == "InvoiceDate"
    assert source.occurred_at.timezone == "Europe/London"
    assert source.received_at is None
    assert source.properties == {
        "InvoiceNo": '"InvoiceNo"',
        "Stock Code": '"Stock Code"',
    }


def test_its_expressions_run_on_the_rows(write_catalog: WriteCatalog) -> None:
    source = load_catalog(write_catalog(sources=RETAIL)).source("online_retail")
    assert source.event_name is not None
    assert source.event_id is not None
    texts = [source.event_name, source.event_id, *source.columns.values()]
    sql = ", ".join(
        compile_expression(text, columns=None, kind="scalar").sql for text in texts
    )
    rows = (
        duckdb.connect()
        .execute(
            f"""select {sql} from (values
            ('3', '2.55', '17850.0', 'a.csv', 2), ('-1', 'x', null, 'a.csv', 3)
        ) as t(Quantity, UnitPrice, CustomerID, file_name, line_number)"""
        )
        .fetchall()
    )
    assert [tuple(map(str, row)) for row in rows] == [
        ("bought", "a.csv:2", "17850", "7.650000000000", "GBP"),
        ("returned", "a.csv:3", "None", "None", "GBP"),
    ]


def test_properties_by_name(write_catalog: WriteCatalog) -> None:
    sources = RETAIL.replace(
        'properties: [InvoiceNo, "Stock Code"]', "properties: {invoice: InvoiceNo}"
    )
    source = load_catalog(write_catalog(sources=sources)).source("online_retail")
    assert source.properties == {"invoice": "InvoiceNo"}


def test_all_properties_are_kept_unless_said(write_catalog: WriteCatalog) -> None:
    lines = [line for line in RETAIL.splitlines() if "properties:" not in line]
    source = load_catalog(write_catalog(sources="\n".join(lines))).source(
        "online_retail"
    )
    assert source.properties == "all"
