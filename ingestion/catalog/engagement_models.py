"""`segments.yml`: lifecycle, stickiness, and the segments of how active persons are.

Shapes, defaults and what can be judged from one definition alone. Names of events and
expressions are judged in `retention_checks`; the SQL is `engagement_sql`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ingestion.catalog.fields import Declared
from ingestion.catalog.group_models import FeatureSpec
from ingestion.catalog.metric_models import PERIODS, Period
from ingestion.catalog.retention_models import (
    MOST_PERIODS,
    ActivityFilter,
    CohortDefinition,
)
from ingestion.catalog.score_models import ScoreSpec

Span = Literal["day", "week", "month"]

# Intervals of a trailing window where the definition does not say: MAU for days.
DEFAULT_WINDOWS: Final[dict[Period, int]] = {
    "hour": 24,
    "day": 30,
    "week": 12,
    "month": 12,
}
# What a calendar window can be cut into without remainder.
SPANS_OF_INTERVALS: Final[dict[Period, tuple[Span, ...]]] = {
    "hour": ("day", "week", "month"),
    "day": ("week", "month"),
    "week": (),
    "month": (),
}


def _ordered_periods(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    if len(set(periods)) < len(periods):
        raise ValueError("a period stands in the list twice")
    return tuple(sorted(periods, key=PERIODS.index))


class ActivityDefinition(CohortDefinition):
    """A definition that needs to know when somebody was active, and nothing else."""

    activity: ActivityFilter = Field(
        default=ActivityFilter(),
        description="What counts as being active; default: any declared activity.",
    )


class LifecycleSpec(ActivityDefinition):
    """Who is new, returning, resurrecting or dormant in each period."""

    periods: Annotated[
        tuple[Period, ...], Field(min_length=1), AfterValidator(_ordered_periods)
    ] = Field(
        default=("day", "week", "month"), description="Calendar periods; hour opts in."
    )


class StickinessSpec(ActivityDefinition):
    """On how many days (hours, weeks, months) of a window persons were active."""

    interval: Period = Field(
        default="day", description="What is counted: days of activity, or hours, ..."
    )
    last: int | None = Field(
        default=None,
        ge=2,
        le=MOST_PERIODS,
        description="Intervals of a window that ends with each of them; default: 30 "
        "days, 24 hours, 12 weeks, 12 months.",
        examples=[30],
    )
    within: Span | None = Field(
        default=None, description="Calendar windows instead: day, week or month."
    )

    @model_validator(mode="after")
    def _window_fits(self) -> Self:
        if self.within is None:
            return self
        if self.last is not None:
            raise ValueError("give one of `last` and `within`")
        valid = SPANS_OF_INTERVALS[self.interval]
        if self.within not in valid:
            choice = f"within {' or '.join(valid)}" if valid else "with `last`"
            raise ValueError(f"intervals of a {self.interval} are counted {choice}")
        return self

    @property
    def window_intervals(self) -> int | None:
        """Intervals of a trailing window; None where windows are calendar periods."""
        if self.within is not None:
            return None
        return self.last or DEFAULT_WINDOWS[self.interval]


class SegmentationSpec(ActivityDefinition):
    """One segment per person and day: new, at_risk, power, engaged, casual, dormant.

    The first that applies, in this order, is the person's segment of the day.
    """

    window_days: int = Field(
        default=28,
        ge=2,
        le=MOST_PERIODS,
        description="Trailing days in which active days are counted.",
    )
    new_days: int = Field(
        default=14,
        ge=0,
        le=MOST_PERIODS,
        description="new: first seen (by any event) fewer days ago than this.",
    )
    power_days: int = Field(
        default=16,
        ge=1,
        le=MOST_PERIODS,
        description="power: at least so many active days.",
    )
    engaged_days: int = Field(
        default=4,
        ge=1,
        le=MOST_PERIODS,
        description="engaged: at least so many active days; casual has fewer, dormant "
        "none.",
    )
    idle_days: int = Field(
        default=14,
        ge=1,
        le=MOST_PERIODS,
        description="at_risk: engaged or better in the window before, and no activity "
        "for so many days, today included.",
    )
    frequency_drop: Decimal = Field(
        default=Decimal("0.5"),
        gt=0,
        lt=1,
        max_digits=7,
        decimal_places=6,
        description="at_risk: engaged or better in the window before, and active on at "
        "most this share of its days.",
    )
    churn_days: int = Field(
        default=30,
        ge=1,
        le=MOST_PERIODS,
        description="Usage churn: so many days without activity, dated their last.",
    )

    @model_validator(mode="after")
    def _thresholds_agree(self) -> Self:
        if not self.engaged_days < self.power_days <= self.window_days:
            raise ValueError(
                f"engaged_days ({self.engaged_days}) < power_days ({self.power_days}) "
                f"<= window_days ({self.window_days}) does not hold"
            )
        return self


class SegmentsFile(Declared):
    """segments.yml: how active persons are, and how that changes."""

    lifecycle: tuple[LifecycleSpec, ...] = ()
    stickiness: tuple[StickinessSpec, ...] = ()
    segments: tuple[SegmentationSpec, ...] = ()
    features: tuple[FeatureSpec, ...] = ()
    scores: tuple[ScoreSpec, ...] = ()
