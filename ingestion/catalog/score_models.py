"""`segments.yml`, `scores`: how engaged or how healthy each person is, from 0 to 100.

Shapes, defaults and what can be judged from one definition alone. Names of events and
expressions are judged in `score_checks`; the SQL is `score_sql`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from ingestion.catalog.fields import Declared, ExpressionText, Name, Text
from ingestion.catalog.retention_models import (
    MOST_PERIODS,
    ActivityFilter,
    CohortDefinition,
)

Measure = Literal["active_days", "events", "value", "idle_days"]
MOST_SCORE_PARTS: Final = 12
MOST_SCORE_WEEKS: Final = 52


class ScorePart(Declared):
    """One thing that a score looks at, worth its share of the weights."""

    name: Name = Field(description="How the part is called.", examples=["frequency"])
    label: Text | None = Field(default=None, description="The name people read.")
    measure: Measure = Field(
        description="active_days: local days of the window with such an event. "
        "events: how many. value: what `value` adds up to. idle_days: days since the "
        "last one.",
        examples=["active_days"],
    )
    events: ActivityFilter = Field(
        default=ActivityFilter(),
        description="What it looks at; default: any declared activity.",
    )
    value: ExpressionText | None = Field(
        default=None, description="With measure value: the number of one event."
    )
    full_at: Decimal = Field(
        gt=0,
        max_digits=18,
        decimal_places=6,
        description="The measure that earns all points of the part (or none, where "
        "less is better); in between they are in proportion.",
        examples=[16],
    )
    better: Literal["more", "less"] | None = Field(
        default=None,
        description="Which way is good: more, but for idle_days less; less for errors.",
    )
    weight: Decimal = Field(
        default=Decimal(1),
        gt=0,
        max_digits=9,
        decimal_places=6,
        description="Its weight among the parts, whose points add up to 100.",
    )

    @model_validator(mode="after")
    def _value_belongs_to_its_measure(self) -> Self:
        if (self.measure == "value") != (self.value is not None):
            raise ValueError("`value` belongs to measure value, and only to it")
        return self

    @property
    def is_less_better(self) -> bool:
        """Whether a higher measure earns fewer points."""
        default = "less" if self.measure == "idle_days" else "more"
        return (self.better or default) == "less"


class ScoreBand(Declared):
    """A name for the scores from one number on."""

    name: Name = Field(description="How the band is called.", examples=["healthy"])
    starts_at: Decimal = Field(
        ge=0,
        lt=100,
        max_digits=9,
        decimal_places=6,
        description="The lowest score of the band.",
        examples=[70],
    )


DEFAULT_BANDS: Final = (
    ScoreBand(name="high", starts_at=Decimal(70)),
    ScoreBand(name="middle", starts_at=Decimal(40)),
    ScoreBand(name="low", starts_at=Decimal(0)),
)


class ScoreSpec(CohortDefinition):
    """A weighted sum of what a person did in the trailing days: engagement, health."""

    parts: tuple[ScorePart, ...] = Field(
        max_length=MOST_SCORE_PARTS,
        description="What the score is made of.",
    )
    window_days: int = Field(
        default=28,
        ge=1,
        le=MOST_PERIODS,
        description="Trailing local days that are looked at.",
    )
    listed_days: int = Field(
        default=90,
        ge=1,
        le=MOST_PERIODS,
        description="Who had any event in so many days has a score; idle days are "
        "counted up to them.",
    )
    weeks: int = Field(
        default=12,
        ge=0,
        le=MOST_SCORE_WEEKS,
        description="Ends of complete weeks, beside the newest complete day, of which "
        "the scores are told.",
    )
    bands: tuple[ScoreBand, ...] = Field(
        default=DEFAULT_BANDS,
        description="Names for ranges of the score; the lowest starts at 0.",
    )

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if not self.parts:
            raise ValueError("a score needs at least one part")
        if self.listed_days < self.window_days:
            raise ValueError(
                f"listed_days ({self.listed_days}) is shorter than window_days "
                f"({self.window_days})"
            )
        for kind, names in (
            ("part", [part.name for part in self.parts]),
            ("band", [band.name for band in self.bands]),
        ):
            for name in names:
                if names.count(name) > 1 or name == "all":
                    raise ValueError(f"{kind} '{name}' is declared twice, or is 'all'")
        starts = [band.starts_at for band in self.bands]
        if min(starts, default=None) != 0 or len(set(starts)) < len(starts):
            raise ValueError("bands start at different scores, the lowest at 0")
        return self
