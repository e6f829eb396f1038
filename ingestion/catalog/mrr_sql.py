"""The SQL of one book of subscriptions: which events, and what they are worth a month.

Belongs here: the rows of `raw.catalog_mrr`. Not here: how months are made of them
(dbt, `int_subscription_periods` and `marts/revenue`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import pyarrow as pa

from ingestion.catalog.columns import EVENT_COLUMNS
from ingestion.catalog.expressions import ExpressionKind, compile_expression
from ingestion.catalog.metric_sql import named_events
from ingestion.catalog.mrr_models import MrrSpec, SubscriptionEvents

Row = dict[str, Any]

_TEXT: Final = pa.string()
MRR_COLUMNS: Final = pa.schema(
    [
        pa.field("mrr_name", _TEXT),
        pa.field("label", _TEXT),
        pa.field("description", _TEXT),
        pa.field("owner", _TEXT),
        pa.field("customer", _TEXT),
        pa.field("reads_events", pa.bool_()),
        pa.field("source", _TEXT),
        pa.field("paying_statuses", _TEXT),
        pa.field("changed_filter_sql", _TEXT),
        pa.field("ended_filter_sql", _TEXT),
        pa.field("amount_sql", _TEXT),
        pa.field("months_sql", _TEXT),
        pa.field("subscription_sql", _TEXT),
        pa.field("account_sql", _TEXT),
        pa.field("uses_person_properties", pa.bool_()),
        pa.field("include_excluded_traffic", pa.bool_()),
        pa.field("definition", _TEXT),
    ]
)


def mrr_tables(
    specs: Iterable[MrrSpec], dialect: str
) -> dict[str, tuple[list[Row], pa.Schema]]:
    """Give rows and columns of the table of the declared books, by its name."""
    return {"catalog_mrr": ([_row(spec, dialect) for spec in specs], MRR_COLUMNS)}


def _row(spec: MrrSpec, dialect: str) -> Row:
    return {
        "mrr_name": spec.name,
        "label": spec.label or spec.name.replace("_", " ").capitalize(),
        "description": spec.description,
        "owner": spec.owner,
        "customer": spec.customer,
        "reads_events": spec.events is not None,
        "source": spec.source,
        "paying_statuses": json.dumps([one.lower() for one in spec.paying_statuses]),
        **(_events(spec.events, dialect) if spec.events else {}),
        "include_excluded_traffic": spec.include_bots,
        "definition": json.dumps(spec.model_dump(mode="json"), ensure_ascii=False),
    }


def _events(events: SubscriptionEvents, dialect: str) -> Row:
    needs_persons = False

    def compiled(text: str | None, kind: ExpressionKind) -> str | None:
        nonlocal needs_persons
        if text is None:
            return None
        found = compile_expression(
            text, columns=EVENT_COLUMNS, kind=kind, dialect=dialect
        )
        needs_persons |= found.uses_person_properties
        return found.sql

    where = compiled(events.where, "condition")
    only = "" if where is None else f" AND ({where})"
    row: Row = {
        "changed_filter_sql": named_events(events.changed, dialect) + only,
        "ended_filter_sql": named_events(events.ended, dialect) + only,
        "amount_sql": compiled(events.amount, "scalar"),
        "months_sql": compiled(events.months, "scalar"),
        "subscription_sql": compiled(events.subscription, "scalar"),
        "account_sql": compiled(events.account, "scalar"),
    }
    return {**row, "uses_person_properties": needs_persons}
