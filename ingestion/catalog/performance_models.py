"""`operations.yml`: how fast, how often wrong, how often away, and what arrives.

Shapes, defaults and what can be judged from one measure alone. Names of events and
expressions are judged in `performance_checks`; the SQL is `performance_sql`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ingestion.catalog.definition_models import Definition
from ingestion.catalog.fields import Declared, ExpressionText, Text, Window
from ingestion.catalog.metric_models import Dimension, EventFilter, ordered_periods

PerformancePeriod = Literal["day", "week", "month"]
Share = Annotated[
    Decimal, Field(ge=0, le=1, max_digits=7, decimal_places=6, examples=[0.01])
]
Limit = Annotated[Decimal, Field(max_digits=18, decimal_places=6, examples=[2500])]


class UptimeSpec(Declared):
    """When the service counts as away."""

    interval: Window = Field(
        default="5 minutes", description="Time is judged in pieces of this length."
    )
    down_above: Share = Field(
        default=Decimal("0.5"),
        description="A piece is down where more than this share of its events failed; "
        "one without events is not judged.",
    )


class OutcomeSpec(EventFilter):
    """What should follow each event: that it was delivered, opened, paid."""

    key: ExpressionText = Field(
        description="What an event and its outcome have in common: "
        "property('email_id')."
    )
    within: Window = Field(
        default="3 days", description="How long after the event; its end excluded."
    )


class Thresholds(Declared):
    """Limits: times, slow and failed shares may not lie above, the others not below."""

    mean: Limit | None = Field(default=None, description="Most, of the mean.")
    p50: Limit | None = Field(default=None, description="Most, of the median.")
    p95: Limit | None = Field(default=None, description="Most, of 95 of 100 values.")
    p99: Limit | None = Field(default=None, description="Most, of 99 of 100 values.")
    slow_share: Share | None = Field(default=None, description="Most.")
    failure_rate: Share | None = Field(default=None, description="Most.")
    uptime_rate: Share | None = Field(default=None, description="Least.")
    outcome_rate: Share | None = Field(default=None, description="Least.")


class PerformanceSpec(Definition):
    """One measure of how the product runs."""

    events: EventFilter = Field(description="What is measured: each request, message.")
    value: ExpressionText | None = Field(
        default=None, description="What each event took: value, in the unit."
    )
    unit: Text | None = Field(default=None, description="Unit of the value: ms.")
    slow_above: Limit | None = Field(
        default=None, description="An event with a greater value is slow."
    )
    failed: ExpressionText | None = Field(
        default=None,
        description="Which events failed: property_number('status') >= 500.",
    )
    uptime: UptimeSpec | None = Field(
        default=None, description="Judge when the service was away; needs `failed`."
    )
    outcome: OutcomeSpec | None = Field(
        default=None, description="What should follow each event."
    )
    dimensions: tuple[Dimension, ...] = Field(
        default=(), description="Columns, or {name, sql}, to break the measure down by."
    )
    periods: Annotated[
        tuple[PerformancePeriod, ...],
        Field(min_length=1),
        AfterValidator(ordered_periods),
    ] = Field(default=("day", "week", "month"), description="Calendar periods.")
    thresholds: Thresholds = Field(
        default=Thresholds(), description="What is no longer good enough."
    )

    @model_validator(mode="after")
    def _has_what_is_judged(self) -> Self:
        if self.slow_above is not None and self.value is None:
            raise ValueError("`slow_above` needs a `value`")
        if self.uptime is not None and self.failed is None:
            raise ValueError("`uptime` needs `failed`")
        needs = {
            "value": {"mean", "p50", "p95", "p99"},
            "slow_above": {"slow_share"},
            "failed": {"failure_rate"},
            "uptime": {"uptime_rate"},
            "outcome": {"outcome_rate"},
        }
        for key, names in needs.items():
            given = sorted(names & self.thresholds.model_fields_set)
            if given and getattr(self, key) is None:
                raise ValueError(f"the threshold of {given[0]} needs `{key}`")
        return self


class OperationsFile(Declared):
    """operations.yml: how the product runs."""

    performance: tuple[PerformanceSpec, ...] = ()
