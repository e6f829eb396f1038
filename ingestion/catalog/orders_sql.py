"""The SQL of one definition of orders: its lines, refunds and dimensions.

Belongs here: the rows of `raw.catalog_orders`. Not here: how days are made of them
(dbt, `int_order_days` and `fct_orders_daily`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from ingestion.catalog.definition_sql import (
    TEXT,
    DefinitionCompiler,
    Row,
    Table,
    definition_row,
    definition_schema,
)
from ingestion.catalog.models import Catalog
from ingestion.catalog.orders_models import OrdersSpec

# Raise it when the same declaration begins to mean other figures.
_MEANING_VERSION: Final = 1

ORDERS_COLUMNS: Final = definition_schema(
    [
        ("orders_name", TEXT),
        ("unit", TEXT),
        ("line_filter_sql", TEXT),
        ("refund_filter_sql", TEXT),
        ("value_sql", TEXT),
        ("order_sql", TEXT),
        ("customer_sql", TEXT),
        ("dimensions", TEXT),
    ]
)


def orders_tables(
    specs: Iterable[OrdersSpec], catalog: Catalog, dialect: str
) -> dict[str, Table]:
    """Give rows and columns of the table of the declared orders, by its name."""
    rows = [_row(spec, DefinitionCompiler(catalog, dialect)) for spec in specs]
    return {"catalog_orders": (rows, ORDERS_COLUMNS)}


def _row(spec: OrdersSpec, compiler: DefinitionCompiler) -> Row:
    dimensions = [
        {"name": one.name, "sql": compiler.scalar(one.sql)} for one in spec.dimensions
    ]
    meaning = {
        "line_filter_sql": compiler.events(spec.line),
        "refund_filter_sql": (
            "FALSE" if spec.refund is None else compiler.events(spec.refund)
        ),
        "value_sql": compiler.number(spec.value),
        "order_sql": compiler.scalar(spec.order),
        "customer_sql": compiler.scalar(spec.customer),
        "dimensions": json.dumps(dimensions),
    }
    return {
        "orders_name": spec.name,
        "unit": spec.unit,
        **definition_row(spec, compiler, meaning, _MEANING_VERSION),
    }
