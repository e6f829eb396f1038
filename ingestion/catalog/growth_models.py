"""`growth.yml`: how persons bring persons.

Shapes, defaults and what can be judged from one definition alone. Names of events and
expressions are judged in `growth_checks`; the SQL is `growth_sql`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ingestion.catalog.definition_models import Definition
from ingestion.catalog.fields import Declared, ExpressionText, Window
from ingestion.catalog.funnel_models import FunnelRange
from ingestion.catalog.group_models import AchievementSpec, ChallengeSpec, ShareSpec
from ingestion.catalog.metric_models import EventFilter, ordered_periods

CohortPeriod = Literal["day", "week", "month"]


class RewardSpec(EventFilter):
    """Events by which a member is rewarded, and what the reward is worth."""

    value: ExpressionText = Field(
        default="value", description="Worth of one reward, such as value."
    )


class ReferralSpec(Definition):
    """Who was invited by whom, and how many new persons each cohort brought."""

    sign_up: EventFilter = Field(
        description="The first of these events of a person is the sign-up."
    )
    invite: EventFilter = Field(description="Events of a person who invites.")
    invitee: ExpressionText | None = Field(
        default=None,
        description="Id of who is invited, on the invite: property('invitee').",
    )
    accepted: EventFilter | None = Field(
        default=None,
        description="Instead of `invitee`: events of a person who was invited, with "
        "the `key` of the invite.",
    )
    key: ExpressionText | None = Field(
        default=None,
        description="What an invite and its acceptance have in common: "
        "property('invite_id').",
    )
    invite_within: Window = Field(
        default="30 days",
        description="An invite counts this long after the sign-up of who sends it; the "
        "end does not belong to it.",
    )
    accept_within: Window = Field(
        default="30 days",
        description="A sign-up is credited this long after the invite; the end does "
        "not belong to it.",
    )
    credit: Literal["first", "last"] = Field(
        default="first",
        description="Which of several invites that count is credited with a new "
        "person: the first, or the last before the sign-up.",
    )
    periods: Annotated[
        tuple[CohortPeriod, ...], Field(min_length=1), AfterValidator(ordered_periods)
    ] = Field(
        default=("week",),
        description="Cohorts are those who signed up in the same day, week or month.",
    )
    range: FunnelRange | None = Field(
        default=None,
        description="Only cohorts of sign-ups in this span of local time, and a cohort "
        "of all of them, the period `range`.",
    )
    rewards: RewardSpec | None = Field(
        default=None, description="What members get for bringing others."
    )

    @model_validator(mode="after")
    def _tells_who_was_invited(self) -> Self:
        if (self.accepted is None) != (self.key is None):
            raise ValueError("`accepted` and `key` belong together")
        if (self.invitee is None) == (self.key is None):
            raise ValueError("give `invitee`, or `accepted` with `key`")
        return self


class GrowthFile(Declared):
    """growth.yml: how persons bring persons."""

    referrals: tuple[ReferralSpec, ...] = ()
    shares: tuple[ShareSpec, ...] = ()
    achievements: tuple[AchievementSpec, ...] = ()
    challenges: tuple[ChallengeSpec, ...] = ()
