"""The SQL of one definition of orders: its lines, refunds and dimensions.

Belongs here: the rows of `raw.catalog_orders`. Not here: how days are made of them
(dbt, `int_order_days` and `fct_orders_daily`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import pyarrow as pa

from ingestion.catalog.columns import EVENT_COLUMNS
from ingestion.catalog.expressions import (
    NUMBER_TYPE,
    ExpressionKind,
    compile_expression,
)
from ingestion.catalog.metric_models import EventFilter
from ingestion.catalog.metric_sql import content_hash, named_events
from ingestion.catalog.orders_models import OrdersSpec

Row = dict[str, Any]

# Raise it when the same declaration begins to mean other figures.
_MEANING_VERSION: Final = 1
_TEXT: Final = pa.string()
ORDERS_COLUMNS: Final = pa.schema(
    [
        pa.field("orders_name", _TEXT),
        pa.field("label", _TEXT),
        pa.field("description", _TEXT),
        pa.field("owner", _TEXT),
        pa.field("unit", _TEXT),
        pa.field("line_filter_sql", _TEXT),
        pa.field("refund_filter_sql", _TEXT),
        pa.field("value_sql", _TEXT),
        pa.field("order_sql", _TEXT),
        pa.field("customer_sql", _TEXT),
        pa.field("dimensions", _TEXT),
        pa.field("uses_person_properties", pa.bool_()),
        pa.field("include_excluded_traffic", pa.bool_()),
        pa.field("definition_hash", _TEXT),
        pa.field("definition", _TEXT),
    ]
)


def orders_tables(
    specs: Iterable[OrdersSpec], dialect: str
) -> dict[str, tuple[list[Row], pa.Schema]]:
    """Give rows and columns of the table of the declared orders, by its name."""
    return {"catalog_orders": ([_row(spec, dialect) for spec in specs], ORDERS_COLUMNS)}


def _row(spec: OrdersSpec, dialect: str) -> Row:
    parts = _parts(spec, dialect)
    return {
        "orders_name": spec.name,
        "label": spec.label or spec.name.replace("_", " ").capitalize(),
        "description": spec.description,
        "owner": spec.owner,
        "unit": spec.unit,
        **parts,
        "definition_hash": content_hash({**parts, "version": _MEANING_VERSION}),
        "definition": json.dumps(spec.model_dump(mode="json"), ensure_ascii=False),
    }


def _parts(spec: OrdersSpec, dialect: str) -> Row:
    """Give what changes figures, and nothing else."""
    needs_persons = False

    def compiled(text: str, kind: ExpressionKind = "scalar") -> str:
        nonlocal needs_persons
        found = compile_expression(
            text, columns=EVENT_COLUMNS, kind=kind, dialect=dialect
        )
        needs_persons |= found.uses_person_properties
        return found.sql

    def filtered(events: EventFilter | None) -> str:
        if events is None:
            return "FALSE"
        names = named_events(events.event, dialect)
        if events.where is None:
            return names
        return f"{names} AND ({compiled(events.where, 'condition')})"

    row: Row = {
        "line_filter_sql": filtered(spec.line),
        "refund_filter_sql": filtered(spec.refund),
        "value_sql": f"TRY_CAST({compiled(spec.value)} AS {NUMBER_TYPE})",
        "order_sql": compiled(spec.order),
        "customer_sql": compiled(spec.customer),
        "dimensions": json.dumps(
            [{"name": one.name, "sql": compiled(one.sql)} for one in spec.dimensions]
        ),
        "include_excluded_traffic": spec.include_bots,
    }
    return {**row, "uses_person_properties": needs_persons}
