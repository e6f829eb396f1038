"""`retention.yml`: who counts as having come, as having come back, and when.

Shapes, defaults and what can be judged from one definition alone. Names of events and
expressions are judged in `retention_checks`; the SQL is `retention_sql`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ingestion.catalog.fields import (
    Declared,
    EventNames,
    ExpressionText,
    Name,
    Text,
)
from ingestion.catalog.metric_models import (
    Dimension,
    DimensionSpec,
    EventFilter,
    Period,
)
from ingestion.catalog.presets import (
    PRESET_MEANING,
    RETENTION_PRESETS,
    Preset,
    preset_of,
)
from ingestion.catalog.settings import WEEKDAYS
from ingestion.catalog.source_models import check_timezone
from ingestion.catalog.suggestions import nearest_name

EntryMode = Literal["first_time", "first_ever", "recurring"]
RetentionType = Literal["classic", "unbounded", "bracket"]
Clock = Literal["calendar", "rolling", "rolling_from_hour"]

# How many periods after the start are followed where the definition does not say.
DEFAULT_PERIODS: Final[dict[Period, int]] = {
    "hour": 24,
    "day": 30,
    "week": 12,
    "month": 12,
}
MOST_PERIODS: Final = 400


def _checked_timezone(name: str) -> str:
    check_timezone(name)
    return name


def _checked_weekday(name: str) -> str:
    if name not in WEEKDAYS:
        near = nearest_name(name, WEEKDAYS)
        hint = f" Did you mean '{near}'?" if near else ""
        raise ValueError(f"'{name}' is not a day of the week.{hint}")
    return name


def _increasing(numbers: tuple[int, ...]) -> tuple[int, ...]:
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise ValueError("the numbers must increase")
    return numbers


def _breakdown_of_column(value: object) -> object:
    return {"name": value, "sql": value} if isinstance(value, str) else value


PeriodNumber = Annotated[
    int,
    Field(
        ge=1,
        le=MOST_PERIODS,
        description="A period after that of the start, from 1.",
        examples=[7],
    ),
]

TimezoneName = Annotated[
    str,
    AfterValidator(_checked_timezone),
    Field(
        description="IANA time zone; default: that of the run's figures.",
        examples=["Europe/Berlin"],
    ),
]
Weekday = Annotated[
    str,
    AfterValidator(_checked_weekday),
    Field(
        description="First day of a week; default: that of the run's figures.",
        examples=["sunday"],
    ),
]


class ActivityFilter(Declared):
    """Some events: by name, and by a condition; without names, declared activity."""

    event: EventNames | None = Field(
        default=None,
        description='Event names, or "*"; default: every event that is activity '
        "(`is_activity` in events.yml).",
    )
    where: ExpressionText | None = Field(
        default=None, description="Only events where this."
    )


class BreakdownSpec(DimensionSpec):
    """What cohorts are broken down by."""

    on: Literal["start", "both"] = Field(
        default="start",
        description="start: the value of the entry, its event alone. both: a return "
        "counts where it carries the same value; with `recurring` a person belongs to "
        "the group of every value they start with.",
    )


Breakdown = Annotated[
    BreakdownSpec,
    BeforeValidator(_breakdown_of_column, json_schema_input_type=str | BreakdownSpec),
]


class Bracket(Declared):
    """Some periods taken as one: from the first to the last, both included."""

    first: PeriodNumber
    last: PeriodNumber

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"it ends ({self.last}) before it begins ({self.first})")
        return self


class CohortDefinition(Declared):
    """What every definition over persons' activity declares, whatever it counts."""

    name: Name = Field(description="Its lasting name: history hangs on it.")
    label: Text | None = Field(default=None, description="The name people read.")
    description: Text | None = Field(
        default=None, description="What it tells, one sentence."
    )
    owner: Text | None = Field(default=None, description="Who answers for it.")
    where: ExpressionText | None = Field(
        default=None,
        description="Only events where this, before anything else is judged.",
    )
    count_by: ExpressionText = Field(
        default="person_id",
        description="Who is counted: persons, or any id of an event such as "
        "property('account_id'). Events without one are left out.",
    )
    timezone: TimezoneName | None = None
    week_start: Weekday | None = None
    include_bots: bool = Field(
        default=False, description="Count bots and internal traffic as well."
    )


class RetentionSpec(CohortDefinition):
    """Of those who came in a period, the share that came back later.

    Period 0 is the cohort itself; a return inside the start period is no return.
    """

    semantics: Preset = Field(default="daybreak", description=PRESET_MEANING)
    target: EventFilter = Field(description="Entry: what puts a person into a cohort.")
    returning: ActivityFilter = Field(
        default=ActivityFilter(),
        description="What counts as coming back; default: any declared activity.",
    )
    entry: EntryMode = Field(
        default="first_time",
        description="first_time: a person's first match of `target` in all history. "
        "first_ever: their first event of these names, which must match. recurring: "
        "every period with a match.",
    )
    type: RetentionType = Field(
        default="classic",
        description="classic: back in exactly that period. unbounded: in it or later, "
        "so provisional for ever. bracket: in one of several periods.",
    )
    period: Period = Field(default="week", description="What cohorts and returns span.")
    periods: PeriodNumber | None = Field(
        default=None,
        description="Periods followed after the start; default: 24 hours, 30 days, "
        "12 weeks, 12 months.",
    )
    at: Annotated[tuple[PeriodNumber, ...], AfterValidator(_increasing)] | None = Field(
        default=None,
        min_length=1,
        description="Only these periods after the start, such as [1, 7, 14, 30].",
    )
    brackets: tuple[Bracket, ...] = Field(
        default=(),
        description="The brackets of type bracket, such as {first: 1, last: 3}.",
    )
    min_occurrences: int = Field(
        default=1,
        ge=1,
        le=1_000_000,
        description="Returning events needed in a period, or in a bracket as a whole.",
    )
    clock: Clock = Field(
        default="calendar",
        description="calendar: periods of the time zone. rolling: 24 hours a day (7 "
        "days a week, 30 days a month) from the exact entry. rolling_from_hour: the "
        "same from the start of the hour of the entry.",
    )
    breakdowns: tuple[Breakdown, ...] = Field(
        default=(),
        description="Columns, or {name, sql, on}, that cohorts are broken down by.",
    )

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        return {**preset_of(value, RETENTION_PRESETS), **value}

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if (self.type == "bracket") != bool(self.brackets):
            raise ValueError("`brackets` belongs to type bracket, and only to it")
        chosen = [self.periods is not None, self.at is not None, bool(self.brackets)]
        if sum(chosen) > 1:
            raise ValueError("give one of `periods`, `at` and `brackets`")
        for earlier, later in pairwise(self.brackets):
            if later.first <= earlier.last:
                raise ValueError("brackets must increase and not overlap")
        names = [breakdown.name for breakdown in self.breakdowns]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"breakdown '{name}' is declared twice")
        return self

    @property
    def buckets(self) -> tuple[tuple[int, int], ...]:
        """First and last period number of every cell after the start."""
        if self.brackets:
            return tuple((bracket.first, bracket.last) for bracket in self.brackets)
        count = self.periods or DEFAULT_PERIODS[self.period]
        numbers = self.at or tuple(range(1, count + 1))
        return tuple((number, number) for number in numbers)


class CohortValueSpec(CohortDefinition):
    """What persons were worth, by the period they came in: cohort LTV.

    All value from the start period on counts, spread over everyone of the cohort.
    """

    target: EventFilter = Field(description="Entry: what puts a person into a cohort.")
    entry: Literal["first_time", "first_ever"] = Field(
        default="first_time",
        description="first_time: a person's first match of `target` in all history. "
        "first_ever: their first event of these names, which must match.",
    )
    value: ExpressionText = Field(
        default="revenue",
        description="The number of one event, kept to 6 decimals; refunds negative.",
    )
    valued: EventFilter = Field(
        default=EventFilter(event=("*",)), description="Events whose value counts."
    )
    unit: Text | None = Field(default=None, description="USD, ...")
    period: Literal["day", "week", "month"] = Field(
        default="month", description="What cohorts and columns span."
    )
    periods: PeriodNumber | None = Field(
        default=None,
        description="Periods followed after the start; default: 30 days, 12 weeks, 12 "
        "months.",
    )
    breakdowns: tuple[Dimension, ...] = Field(
        default=(),
        description="Columns of the entry, or {name, sql}, to break cohorts down by.",
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [breakdown.name for breakdown in self.breakdowns]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"breakdown '{name}' is declared twice")
        return self

    @property
    def last_period(self) -> int:
        """The last period after the start."""
        return self.periods or DEFAULT_PERIODS[self.period]


class RetentionFile(Declared):
    """retention.yml: who comes back, and what they are worth."""

    retention: tuple[RetentionSpec, ...] = ()
    ltv: tuple[CohortValueSpec, ...] = ()
