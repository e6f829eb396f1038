"""`metrics.yml`: one class a metric type.

Shapes, defaults and what can be judged from one metric alone. Names of events and of
other metrics, and expressions, are judged in `checks`; the SQL is `compiler`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ingestion.catalog.fields import (
    Declared,
    EventNames,
    ExpressionText,
    Name,
    Text,
    Window,
)

Period = Literal["hour", "day", "week", "month"]
Statistic = Literal["mean", "median", "p90"]
# The dimension of rows that are not broken down, in `fct_metrics`.
TOTAL_DIMENSION: Final = "all"
PERIODS: Final[tuple[Period, ...]] = ("hour", "day", "week", "month")


def _dimension_of_column(value: object) -> object:
    return {"name": value, "sql": value} if isinstance(value, str) else value


def _reference_to_metric(value: object) -> object:
    return {"metric": value} if isinstance(value, str) else value


def ordered_periods(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    """Give distinct periods from the shortest to the longest, or raise ValueError."""
    if len(set(periods)) < len(periods):
        raise ValueError("a period stands in the list twice")
    return tuple(sorted(periods, key=PERIODS.index))


class DimensionSpec(Declared):
    """What a metric is broken down by: a column, or an expression with a name."""

    name: Name = Field(
        description="How the dimension is called in figures.", examples=["plan"]
    )
    sql: ExpressionText = Field(
        description="Its value: an expression over event columns and properties.",
        examples=["property('plan')"],
    )

    @model_validator(mode="after")
    def _name_is_free(self) -> Self:
        if self.name == TOTAL_DIMENSION:
            raise ValueError(f"'{TOTAL_DIMENSION}' is the name of the total")
        return self


class ForecastSpec(Declared):
    """That a metric is forecast, and how far."""

    horizon_days: int = Field(default=28, ge=1, le=366, description="Days ahead.")


class EventFilter(Declared):
    """Some events: by name, and by a condition."""

    event: EventNames
    where: ExpressionText | None = Field(
        default=None, description="Only events where this."
    )


class RatioPart(Declared):
    """One side of a ratio: another metric by name, or a small metric of its own."""

    metric: Name | None = Field(default=None, description="Name of a metric.")
    type: Literal["count", "unique_persons", "sum"] | None = Field(
        default=None, description="What a side of its own counts."
    )
    event: EventNames | None = None
    where: ExpressionText | None = None
    value: ExpressionText | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        own = (self.type, self.event, self.where, self.value)
        if self.metric is not None:
            if any(part is not None for part in own):
                raise ValueError("a metric by name takes no other keys")
            return self
        if self.type is None or self.event is None:
            raise ValueError("name a metric, or give `type` and `event`")
        if (self.type == "sum") != (self.value is not None):
            raise ValueError("`value` belongs to type sum, and only to it")
        return self


Dimension = Annotated[
    DimensionSpec,
    BeforeValidator(_dimension_of_column, json_schema_input_type=str | DimensionSpec),
]
RatioSide = Annotated[
    RatioPart,
    BeforeValidator(_reference_to_metric, json_schema_input_type=str | RatioPart),
]


class MetricBase(Declared):
    """What every metric declares, whatever its type."""

    name: Name = Field(description="Its lasting name: history hangs on it.")
    label: Text | None = Field(default=None, description="The name people read.")
    description: Text | None = Field(
        default=None, description="What it tells, one sentence."
    )
    unit: Text | None = Field(default=None, description="USD, ms, persons, share, ...")
    direction: Literal["up", "down"] = Field(
        default="up", description="Which way is good."
    )
    periods: Annotated[
        tuple[Period, ...], Field(min_length=1), AfterValidator(ordered_periods)
    ] = Field(
        default=("day", "week", "month"), description="Calendar periods; hour opts in."
    )
    dimensions: tuple[Dimension, ...] = Field(
        default=(), description="Columns, or {name, sql}, to break the metric down by."
    )
    targets: dict[Period, Decimal] = Field(
        default_factory=dict,
        description="The goal of one period, by period.",
        examples=[{"day": 20000}],
    )
    forecast: ForecastSpec | None = Field(
        default=None, description="Ask for a forecast."
    )
    headline: bool = Field(default=False, description="Shown at the top of the report.")
    owner: Text | None = Field(default=None, description="Who answers for it.")
    include_bots: bool = Field(
        default=False, description="Count bots and internal traffic as well."
    )

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        for period, target in self.targets.items():
            if period not in self.periods:
                raise ValueError(f"a target for {period}, which is not in `periods`")
            if not target.is_finite() or abs(target) >= Decimal(10) ** 12:
                raise ValueError(f"the target of {period} is not a number below 1e12")
        if self.forecast and "day" not in self.periods:
            raise ValueError("a forecast needs the period day")
        names = [dimension.name for dimension in self.dimensions]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"dimension '{name}' is declared twice")
        return self


class EventMetric(MetricBase):
    """A metric over some events."""

    event: EventNames
    where: ExpressionText | None = Field(
        default=None, description="Only events where this."
    )


class ValueMetric(EventMetric):
    """A metric over a number of some events."""

    value: ExpressionText = Field(
        description="The number of one event, kept to 6 decimals, so that a sum does "
        "not depend on the order. Null, or not a number, is left out."
    )


class CountMetric(EventMetric):
    """Number of events."""

    type: Literal["count"]


class UniquePersonsMetric(EventMetric):
    """Number of distinct persons with an event in the period."""

    type: Literal["unique_persons"]


class SumMetric(ValueMetric):
    """Sum of a number over events."""

    type: Literal["sum"]


class AverageMetric(ValueMetric):
    """Mean of a number over the events that have one."""

    type: Literal["average"]


class PercentileMetric(ValueMetric):
    """Percentile of a number over events, interpolated."""

    type: Literal["percentile"]
    percentile: float = Field(
        gt=0, lt=1, description="0.95 is the 95th percentile.", examples=[0.95]
    )


class UniqueValuesMetric(EventMetric):
    """Number of distinct values of an expression: orders, courses, invoices."""

    type: Literal["unique_values"]
    value: ExpressionText = Field(
        description="What is told apart, compared as text. Null is left out."
    )


class RatioMetric(MetricBase):
    """One metric divided by another; null where the denominator is 0."""

    type: Literal["ratio"]
    numerator: RatioSide
    denominator: RatioSide


class ConversionMetric(MetricBase):
    """Share of base events (or persons) followed by a conversion within a window."""

    type: Literal["conversion"]
    base: EventFilter
    conversion: EventFilter
    window: Window
    count_by: Literal["events", "persons"] = Field(
        default="persons",
        description="Share of base events that convert, or of their persons.",
    )


class TimeToMetric(MetricBase):
    """Seconds from a base event to the conversion, within a window."""

    type: Literal["time_to"]
    base: EventFilter
    conversion: EventFilter
    window: Window
    statistic: Statistic = Field(
        default="median", description="Which one of the times is the figure."
    )


class ActivePersonsMetric(MetricBase):
    """Distinct persons with activity (see `is_activity` in events.yml)."""

    type: Literal["active_persons"]
    where: ExpressionText | None = Field(
        default=None, description="Only activity where this."
    )
    window_days: int | None = Field(
        default=None,
        ge=1,
        le=366,
        description="Trailing local days at the end of the period; none = within it.",
        examples=[7],
    )

    @model_validator(mode="after")
    def _window_has_no_hours(self) -> Self:
        if self.window_days is not None and "hour" in self.periods:
            raise ValueError("`window_days` counts days: take hour out of `periods`")
        return self


class RetentionMetric(MetricBase):
    """Share of persons who come back exactly k local days after their first entry."""

    type: Literal["retention"]
    base: EventFilter = Field(description="Entry: a person's first match of all time.")
    returning: EventFilter = Field(description="What counts as coming back.")
    day: int = Field(ge=1, le=366, description="k, in local days.", examples=[7])

    @model_validator(mode="after")
    def _cohorts_are_days(self) -> Self:
        if "hour" in self.periods:
            raise ValueError("retention counts days: take hour out of `periods`")
        return self


Metric = (
    CountMetric
    | UniquePersonsMetric
    | UniqueValuesMetric
    | SumMetric
    | AverageMetric
    | PercentileMetric
    | RatioMetric
    | ConversionMetric
    | TimeToMetric
    | ActivePersonsMetric
    | RetentionMetric
)

METRIC_TYPES: Final[dict[str, type[Metric]]] = {
    "count": CountMetric,
    "unique_persons": UniquePersonsMetric,
    "unique_values": UniqueValuesMetric,
    "sum": SumMetric,
    "average": AverageMetric,
    "percentile": PercentileMetric,
    "ratio": RatioMetric,
    "conversion": ConversionMetric,
    "time_to": TimeToMetric,
    "active_persons": ActivePersonsMetric,
    "retention": RetentionMetric,
}


class MetricsFile(Declared):
    """metrics.yml: what the product measures."""

    metrics: tuple[Annotated[Metric, Field(discriminator="type")], ...] = Field(
        default=(), description="The metrics, in any order."
    )
