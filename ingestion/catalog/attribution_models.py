"""`attribution` of `revenue.yml`: which visits a conversion is credited to.

Shapes, defaults and what can be judged from one definition alone. Names of events and
expressions are judged in `attribution_checks`; the SQL is `attribution_sql`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ingestion.catalog.definition_models import Definition
from ingestion.catalog.fields import Declared, DistinctNames, ExpressionText, Text
from ingestion.catalog.metric_models import EventFilter

AttributionModel = Literal[
    "first", "last", "last_non_direct", "linear", "position", "time_decay"
]
ATTRIBUTION_MODELS: Final[tuple[AttributionModel, ...]] = (
    *("first", "last", "last_non_direct", "linear", "position", "time_decay"),
)


def _ordered_models(
    models: tuple[AttributionModel, ...],
) -> tuple[AttributionModel, ...]:
    if len(set(models)) < len(models):
        raise ValueError("a model stands in the list twice")
    return tuple(sorted(models, key=ATTRIBUTION_MODELS.index))


Models = Annotated[
    tuple[AttributionModel, ...],
    AfterValidator(_ordered_models),
    Field(min_length=1),
]


class PositionWeights(Declared):
    """Per cent of a conversion by the position of a touch; they add up to 100."""

    first: int = Field(default=40, ge=0, le=100, description="Of the first touch.")
    middle: int = Field(
        default=20, ge=0, le=100, description="Of all between, in equal parts."
    )
    last: int = Field(default=40, ge=0, le=100, description="Of the last touch.")

    @model_validator(mode="after")
    def _add_up(self) -> Self:
        total = self.first + self.middle + self.last
        if total != 100:
            raise ValueError(f"the weights add up to {total}, not to 100")
        if self.first + self.last == 0:
            raise ValueError("two touches would have no weight: give first or last one")
        return self


class AttributionSpec(Definition):
    """Conversions, and how they are credited to the sessions before them."""

    unit: Text | None = Field(
        default=None, description="Of the value, such as USD.", examples=["USD"]
    )
    conversion: EventFilter = Field(
        description="What is credited: every such event, not only a person's first.",
        examples=[{"event": "purchase_completed", "where": "revenue > 0"}],
    )
    value: ExpressionText = Field(
        default="revenue",
        description="What a conversion is worth; null counts as 0.",
        examples=["revenue", "property_number('amount')"],
    )
    lookback_days: int = Field(
        default=30,
        ge=1,
        le=366,
        description="A touch counts from this many times 24 hours before the "
        "conversion, inclusive, up to its instant, never after.",
        examples=[30],
    )
    channel: ExpressionText = Field(
        default="channel",
        description="The channel of a session, an expression over its columns such as "
        "utm_source or lower(utm_medium); default: the channel group. A session "
        "without one is no touch.",
        examples=["channel", "utm_source"],
    )
    direct_channels: DistinctNames = Field(
        default=("Direct", "(direct)"),
        description="Channels that `last_non_direct` passes over where there is any "
        "other; capitals do not matter.",
        examples=[["Direct", "(direct)"]],
    )
    models: Models = Field(
        default=ATTRIBUTION_MODELS,
        description="Which models are computed.",
        examples=[["first", "last_non_direct", "linear"]],
    )
    position_weights: PositionWeights = Field(
        default=PositionWeights(),
        description="Of `position`; two touches share as first to last, one has all.",
        examples=[{"first": 40, "middle": 20, "last": 40}],
    )
    half_life_days: float = Field(
        default=7,
        gt=0,
        le=3_660,
        description="Of `time_decay`: a touch so much earlier has half the credit.",
        examples=[7],
    )
    collapse_repeats: bool = Field(
        default=True,
        description="Whether equal channels one after the other are one in paths; "
        "credits are not changed.",
        examples=[True],
    )
