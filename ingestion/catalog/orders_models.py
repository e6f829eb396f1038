"""`orders` of `revenue.yml`: what is sold, what is given back, and by what to tell it.

Shapes, defaults and what can be judged from one definition alone. Names of events and
expressions are judged in `orders_checks`; the SQL is `orders_sql`.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from ingestion.catalog.definition_models import Definition
from ingestion.catalog.fields import ExpressionText, Text
from ingestion.catalog.metric_models import Dimension, EventFilter


class OrdersSpec(Definition):
    """Lines of orders, of which days are added up."""

    unit: Text | None = Field(
        default=None, description="Of the value, such as USD.", examples=["USD"]
    )
    line: EventFilter = Field(
        description="Each such event is a line of an order. One of a negative value "
        "is a refund.",
        examples=[{"event": "purchase_completed"}],
    )
    refund: EventFilter | None = Field(
        default=None,
        description="Each such event gives money back, whatever the sign of its value; "
        "it counts on its own day.",
        examples=[{"event": "refund_issued"}],
    )
    value: ExpressionText = Field(
        default="revenue",
        description="Money of a line or refund; null counts as 0.",
        examples=["revenue"],
    )
    order: ExpressionText = Field(
        default="event_id",
        description="Id of the order, such as property('invoice'); default: a line is "
        "an order, as is one without an id.",
        examples=["property('order_id')"],
    )
    customer: ExpressionText = Field(
        default="person_id",
        description="Who buys: a person, or any id such as property('account_id'). "
        "Lines of nobody known count for money and orders.",
        examples=["person_id", "property('account_id')"],
    )
    dimensions: tuple[Dimension, ...] = Field(
        default=(),
        description="What orders are broken down by: columns, or expressions with a "
        "name such as {name: plan, sql: property('plan')}. Groups of an order's lines.",
        examples=[["country", {"name": "plan", "sql": "property('plan')"}]],
    )

    @model_validator(mode="after")
    def _dimensions_are_distinct(self) -> Self:
        names = [dimension.name for dimension in self.dimensions]
        if len(set(names)) < len(names):
            raise ValueError("a dimension stands in the list twice")
        return self
