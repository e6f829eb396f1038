"""`acquisition` of `revenue.yml`: what customers cost to win, and what that returns.

Shapes, defaults and what can be judged from one definition alone. Which LTV and
attribution there are is judged in `acquisition_checks`; the rows are `acquisition_sql`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from ingestion.catalog.attribution_models import AttributionModel
from ingestion.catalog.fields import Declared, Name, Text

SpendColumn = Literal[
    "utm_source", "utm_medium", "utm_campaign", "ad_group", "ad", "country", "platform"
]


class AcquisitionSpec(Declared):
    """Landed spend held against those who came, by the source they came from."""

    name: Name = Field(
        description="Its lasting name: history hangs on it.", examples=["account_costs"]
    )
    label: Text | None = Field(default=None, description="The name people read.")
    description: Text | None = Field(
        default=None, description="What it tells, one sentence."
    )
    owner: Text | None = Field(default=None, description="Who answers for it.")
    ltv: Name = Field(
        description="An LTV of retention.yml: who is acquired (its target), by which "
        "period, and what they are worth.",
        examples=["account_value"],
    )
    breakdown: Name = Field(
        description="One of its breakdowns: the source, in the words of the spend.",
        examples=["source"],
    )
    spend_by: SpendColumn = Field(
        default="utm_source",
        description="The column of `spend` that names the source.",
        examples=["utm_campaign"],
    )
    spend_source: (
        Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] | None
    ) = Field(
        default=None,
        description="Only spend of this landing folder.",
        examples=["google_ads"],
    )
    horizon: int | None = Field(
        default=None,
        ge=0,
        le=400,
        description="The period after the start by whose end LTV is held against cost; "
        "default: the last one the LTV follows.",
        examples=[3],
    )
    attribution: Name | None = Field(
        default=None,
        description="An attribution whose channels are these sources, for the return "
        "on spend (ROAS).",
        examples=["purchases_by_source"],
    )
    model: AttributionModel = Field(
        default="last",
        description="Which of its models counts.",
        examples=["last_non_direct"],
    )

    @model_validator(mode="after")
    def _model_is_of_an_attribution(self) -> Self:
        if self.attribution is None and "model" in self.model_fields_set:
            raise ValueError("`model` is of an `attribution`, and none is named")
        return self
