"""`funnels.yml`: steps a person takes one after the other, and how they are counted.

Shapes, defaults, presets and what can be judged from one funnel alone. Names of
events and expressions are judged in `funnel_checks`; the SQL is `funnel_sql`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ingestion.catalog.fields import (
    Declared,
    ExpressionText,
    Name,
    Text,
    window_seconds,
)
from ingestion.catalog.metric_models import (
    TOTAL_DIMENSION,
    EventFilter,
    Period,
    ordered_periods,
)
from ingestion.catalog.presets import (
    FUNNEL_PRESETS,
    PRESET_MEANING,
    Preset,
    preset_of,
)

Attribution = Literal["first_touch", "last_touch", "step", "all_events"]
FirstTime = Literal["first_match", "first_ever"]

MAX_STEPS: Final = 20
# Engines multiply an interval by 32 bits: 24,855 days of seconds.
_LONGEST_WINDOW_DAYS: Final = 24_000


def _checked_window(text: str) -> str:
    window_seconds(text, longest_days=_LONGEST_WINDOW_DAYS)
    return text


def _local_moment(moment: datetime) -> datetime:
    if moment.tzinfo is not None:
        raise ValueError("times are local to the reporting zone: leave out the offset")
    return moment


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _one_to_five(texts: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(texts) <= 5:
        raise ValueError("one to five expressions make a group")
    return texts


def _breakdown_of_column(value: object) -> object:
    return {"name": value, "by": [value]} if isinstance(value, str) else value


FunnelWindow = Annotated[
    str,
    AfterValidator(_checked_window),
    Field(
        description="Longest time from step 1 to any other step, inclusive, such as "
        "'60 minutes' or '7 days'.",
        examples=["60 minutes"],
        json_schema_extra={"pattern": r"^\s*[0-9]+\s+[A-Za-z]+\s*$"},
    ),
]
LocalMoment = Annotated[datetime, AfterValidator(_local_moment)]
Expressions = Annotated[
    tuple[ExpressionText, ...],
    BeforeValidator(_as_list, json_schema_input_type=str | list[str]),
]


class FunnelStep(Declared):
    """One step: any of some events."""

    name: Text = Field(description="The name people read.")
    any_of: tuple[EventFilter, ...] = Field(
        min_length=1, description="The events that are this step, each with a filter."
    )
    where: ExpressionText | None = Field(
        default=None, description="Only events where this, whichever it is."
    )
    first_time: FirstTime | None = Field(
        default=None,
        description="Only a person's first in all history: `first_match` of the "
        "step's filter; or `first_ever`, the first of the step's events, which must "
        "match too.",
    )


class FunnelExclusion(Declared):
    """Events that void an attempt when they lie between two of its steps."""

    any_of: tuple[EventFilter, ...] = Field(min_length=1)
    where: ExpressionText | None = None
    from_step: int = Field(default=1, ge=1, description="Counted from 1.")
    to_step: int | None = Field(
        default=None, ge=2, description="A later step; none = the last.", examples=[2]
    )


class FunnelBreakdown(Declared):
    """What a funnel is broken down by, and which event's value counts."""

    name: Name = Field(description="How the breakdown is called in figures.")
    by: Annotated[Expressions, AfterValidator(_one_to_five)] = Field(
        description="A column or expression; several make one group of values.",
        examples=["platform"],
    )
    attribution: Attribution = Field(
        default="first_touch",
        description="first_touch, last_touch: the first or last value among the "
        "person's step events; step: the value of the step's events; all_events: "
        "all steps with the same value.",
    )
    step: int | None = Field(
        default=None,
        ge=1,
        description="Of attribution step, counted from 1.",
        examples=[1],
    )
    limit: int = Field(
        default=25, ge=1, le=1_000, description="Groups kept; the rest is Other."
    )

    @model_validator(mode="after")
    def _step_belongs_to_attribution(self) -> Self:
        if (self.attribution == "step") != (self.step is not None):
            raise ValueError("`step` belongs to attribution step, and only to it")
        if self.name == TOTAL_DIMENSION:
            raise ValueError(f"'{TOTAL_DIMENSION}' is the name of the total")
        return self


class FunnelRange(Declared):
    """A span of local time; the end does not belong to it."""

    from_: LocalMoment | None = Field(
        default=None,
        alias="from",
        description="First local time of entry.",
        examples=["2026-01-01T00:00:00"],
    )
    to: LocalMoment | None = Field(
        default=None,
        description="The local time entries end before.",
        examples=["2026-04-01T00:00:00"],
    )

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.from_ is not None and self.to is not None and self.from_ >= self.to:
            raise ValueError("the range ends before it begins")
        return self


class TimeToConvert(Declared):
    """The histogram of the time between two steps."""

    from_step: int = Field(default=1, ge=1, description="The step the clock starts at.")
    to_step: int | None = Field(
        default=None, ge=2, description="None = the last.", examples=[3]
    )
    bins: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="None = the cube root of the conversions, from 3 to 60.",
        examples=[12],
    )


class FunnelSpec(Declared):
    """A funnel: its steps, its rules, and what it is counted and broken down by."""

    name: Name = Field(description="Its lasting name: history hangs on it.")
    label: Text | None = Field(default=None, description="The name people read.")
    description: Text | None = Field(
        default=None, description="What it tells, one sentence."
    )
    owner: Text | None = Field(default=None, description="Who answers for it.")
    semantics: Preset = Field(default="daybreak", description=PRESET_MEANING)
    steps: tuple[FunnelStep, ...] = Field(min_length=1, max_length=MAX_STEPS)
    window: FunnelWindow
    order: Literal["ordered", "strict", "unordered"] = Field(
        default="ordered",
        description="ordered: other events may lie between; strict: none may; "
        "unordered: any step opens, the others follow in any order.",
    )
    entry_mode: Literal["any", "first"] = Field(
        default="any",
        description="any: each event of step 1 opens an attempt, the best one counts; "
        "first: only the first in the range.",
    )
    ties: Literal["in_order", "total_order", "strict_increase"] = Field(
        default="in_order",
        description="Equal times of an ordered funnel: in_order counts them as in "
        "order; total_order takes the order of event ids; strict_increase asks for a "
        "later time.",
    )
    where: ExpressionText | None = Field(
        default=None, description="Only events where this, in all steps."
    )
    exclusions: tuple[FunnelExclusion, ...] = ()
    range: FunnelRange = FunnelRange()
    range_applies_to: Literal["entry", "all_events"] = Field(
        default="entry",
        description="Whether later steps may lie after the range.",
    )
    breakdowns: tuple[
        Annotated[
            FunnelBreakdown,
            BeforeValidator(
                _breakdown_of_column, json_schema_input_type=str | FunnelBreakdown
            ),
        ],
        ...,
    ] = Field(
        examples=[["platform"]],
        default=(),
        description="Columns, or {name, by, attribution, step, limit}.",
    )
    hold_constant: Expressions = Field(
        default=(),
        description="All steps of an attempt have the same value of these; events "
        "without one take no part.",
        examples=["property('course_id')"],
    )
    counting: Literal["uniques", "totals", "sessions", "accounts"] = Field(
        default="uniques",
        description="What is counted: persons; attempts that do not overlap; "
        "sessions, with all steps in one; or accounts.",
    )
    account: ExpressionText | None = Field(
        default=None, description="The account of an event, for counting accounts."
    )
    periods: Annotated[
        tuple[Period, ...], Field(min_length=1), AfterValidator(ordered_periods)
    ] = Field(
        default=("day", "week", "month"),
        description="Periods of entry; hour opts in. The whole range always counts.",
    )
    value: ExpressionText | None = Field(
        default=None,
        description="What a conversion is worth: a number of the last step's event.",
    )
    unit: Text | None = Field(default=None, description="Unit of `value`, such as USD.")
    time_to_convert: TimeToConvert = TimeToConvert()
    include_bots: bool = Field(
        default=False, description="Count bots and internal traffic as well."
    )

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        preset = preset_of(value, FUNNEL_PRESETS)
        defaults = {key: part for key, part in preset.items() if key != "breakdown"}
        breakdowns = value.get("breakdowns")
        if isinstance(breakdowns, list) and "breakdown" in preset:
            defaults_of_breakdown = preset["breakdown"]
            breakdowns = [
                _with_defaults(_breakdown_of_column(item), defaults_of_breakdown)
                for item in breakdowns
            ]
            value = {**value, "breakdowns": breakdowns}
        return {**defaults, **value}

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        self._check_steps_exist()
        if (self.counting == "accounts") != (self.account is not None):
            raise ValueError("`account` belongs to counting accounts, and only to it")
        names = [breakdown.name for breakdown in self.breakdowns]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"breakdown '{name}' is declared twice")
        if self.unit is not None and self.value is None:
            raise ValueError("`unit` is that of `value`, which is missing")
        return self

    def _check_steps_exist(self) -> None:
        count = len(self.steps)
        spans: list[FunnelExclusion | TimeToConvert] = [*self.exclusions]
        if self.time_to_convert != TimeToConvert():
            spans.append(self.time_to_convert)
        for part in spans:
            first, last = part.from_step, part.to_step or count
            if not first < last <= count:
                raise ValueError(
                    f"steps {first} to {last} are no span of the funnel's {count}"
                )
            is_free = self.order == "unordered" and part in self.exclusions
            if is_free and (first, last) != (1, count):
                raise ValueError(
                    "an exclusion of an unordered funnel spans all its steps"
                )
        for breakdown in self.breakdowns:
            if breakdown.step is not None and breakdown.step > count:
                raise ValueError(f"no step {breakdown.step} to break down by")


def _with_defaults(item: object, defaults: Mapping[str, Any]) -> object:
    """Fill what a breakdown leaves open; its own attribution brings its own step."""
    if not isinstance(item, Mapping):
        return item
    own = defaults
    if "attribution" in item:
        own = {key: part for key, part in defaults.items() if key == "limit"}
    return {**own, **item}


class FunnelsFile(Declared):
    """funnels.yml: the funnels of the product."""

    funnels: tuple[FunnelSpec, ...] = ()
