"""What is counted by the groups of a dimension: shares, badges, features, content.

One shape serves all: some events, grouped by an expression, counted by persons, events
and a value in each period. Belongs here: these definitions, for growth.yml,
segments.yml and audience.yml. Names of events and expressions are judged in
`group_checks`; the SQL is `group_sql`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from ingestion.catalog.fields import Declared, ExpressionText, Text
from ingestion.catalog.metric_models import EventFilter, ordered_periods
from ingestion.catalog.retention_models import (
    MOST_PERIODS,
    ActivityFilter,
    CohortDefinition,
)
from ingestion.catalog.role_models import RoleMigrationSpec

GroupKind = Literal[
    "share",
    "achievement",
    "challenge",
    "feature",
    "geography",
    "content",
    "market_segment",
    "peer_benchmark",
]
GroupPeriod = Literal["day", "week", "month"]


class GroupSpec(CohortDefinition):
    """Some events, counted by the groups of an expression."""

    kind: ClassVar[GroupKind]

    events: ActivityFilter = Field(
        default=ActivityFilter(),
        description="What is counted; default: any declared activity.",
    )
    by: ExpressionText = Field(
        description="The group of an event: country, property('course_id'). Without a "
        "value it is (none).",
    )
    value: ExpressionText | None = Field(
        default=None, description="A number of each event that is added up: revenue."
    )
    unit: Text | None = Field(default=None, description="Unit of the value: USD.")
    periods: Annotated[
        tuple[GroupPeriod, ...], Field(min_length=1), AfterValidator(ordered_periods)
    ] = Field(
        default=("week", "month"),
        description="Calendar periods, beside all history: day, week, month.",
    )


class ReturnSpec(EventFilter):
    """Events of those who came by what was shared."""

    by: ExpressionText = Field(
        description="By which platform they came: utm_source, for example."
    )


class ShareSpec(GroupSpec):
    """What is shared, by platform, and who comes by it."""

    kind: ClassVar[GroupKind] = "share"

    returns: ReturnSpec | None = Field(
        default=None, description="The traffic that comes back, by the same platforms."
    )


class AchievementSpec(GroupSpec):
    """Who earned which badge."""

    kind: ClassVar[GroupKind] = "achievement"


class ChallengeSpec(GroupSpec):
    """Who has how many points in which challenge; points are the `value`."""

    kind: ClassVar[GroupKind] = "challenge"

    value: ExpressionText = Field(description="Points of one event.")


class FeatureSpec(GroupSpec):
    """Who uses which feature, how soon and how often."""

    kind: ClassVar[GroupKind] = "feature"

    eligible: ActivityFilter = Field(
        default=ActivityFilter(),
        description="Who could use it, from the first of these events on; default: any "
        "declared activity. With {event: signed_up} the time to adopt is the time to "
        "value.",
    )


class GeographySpec(GroupSpec):
    """Where persons are."""

    kind: ClassVar[GroupKind] = "geography"

    by: ExpressionText = Field(default="country", description="The place of an event.")


class ContentSpec(GroupSpec):
    """What is popular."""

    kind: ClassVar[GroupKind] = "content"


class MarketSegmentSpec(GroupSpec):
    """The market by a declared dimension: job, industry, risk level, role."""

    kind: ClassVar[GroupKind] = "market_segment"


class PeerBenchmarkSpec(GroupSpec):
    """How each person compares with the peers of the same group."""

    kind: ClassVar[GroupKind] = "peer_benchmark"

    by: ExpressionText = Field(
        description="Whose peer a person is: person_property('role'). Of several "
        "groups the one with most of the person's events counts."
    )
    days: int = Field(
        default=28,
        ge=1,
        le=MOST_PERIODS,
        description="Local days up to the watermark in which events (or the `value`) "
        "are added up; who has none is no peer.",
    )
    min_peers: int = Field(
        default=20,
        ge=2,
        le=1_000_000,
        description="A smaller group has no percentiles.",
    )


class AudienceFile(Declared):
    """audience.yml: who is here, and what they are here for."""

    geography: tuple[GeographySpec, ...] = ()
    content: tuple[ContentSpec, ...] = ()
    market_segments: tuple[MarketSegmentSpec, ...] = ()
    peer_benchmarks: tuple[PeerBenchmarkSpec, ...] = ()
    role_migrations: tuple[RoleMigrationSpec, ...] = ()
