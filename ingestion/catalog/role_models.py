"""`audience.yml`: how persons move from one role to another.

Shapes, defaults and what can be judged from one definition alone. Names of events and
expressions are judged in `role_checks`; the SQL is `role_sql`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ingestion.catalog.definition_models import Definition
from ingestion.catalog.fields import ExpressionText, Window
from ingestion.catalog.metric_models import EventFilter, ordered_periods

RolePeriod = Literal["day", "week", "month"]


class SatisfactionSpec(EventFilter):
    """Answers of those who moved."""

    value: ExpressionText = Field(default="value", description="The answer: a number.")
    within: Window = Field(
        default="30 days",
        description="The first answer so long after the move counts; the end excluded.",
    )


class RoleMigrationSpec(Definition):
    """Moves from one role to another."""

    events: EventFilter = Field(description="Events of a person who moves.")
    from_role: ExpressionText = Field(description="The role before.")
    to_role: ExpressionText = Field(description="The role after.")
    succeeded: ExpressionText | None = Field(
        default=None,
        description="Whether the move was completed: property_boolean('succeeded'); "
        "default: nobody says.",
    )
    adaptation_days: ExpressionText | None = Field(
        default=None, description="Days until the new role was in use: a number."
    )
    satisfaction: SatisfactionSpec | None = Field(
        default=None, description="What they answer afterwards."
    )
    periods: Annotated[
        tuple[RolePeriod, ...], Field(min_length=1), AfterValidator(ordered_periods)
    ] = Field(default=("month",), description="Calendar periods of the move.")
