"""What a report is made of: the frames it reads, checked and typed.

Here belong the columns a report expects and their types. Here does not belong what is
made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

Kinds = Mapping[str, str]
TEXT, NUMBER, TIME, FLAG = "str", "float64", "datetime64[us]", "boolean"


def kinds_of(
    *, text: str = "", number: str = "", time: str = "", flag: str = ""
) -> Kinds:
    """Names of columns, separated by spaces, with their kind."""
    parts = ((text, TEXT), (number, NUMBER), (time, TIME), (flag, FLAG))
    return MappingProxyType(
        {name: kind for names, kind in parts for name in names.split()}
    )


METRICS: Final = kinds_of(
    text="metric_name period dimension dimension_value",
    number="value numerator denominator previous_value change_rate "
    "year_before_value year_before_change_rate target attainment_rate",
    time="period_start",
    flag="is_complete",
)
DEFINITIONS: Final = kinds_of(
    text="metric_name label description metric_type unit direction",
    number="forecast_horizon_days",
    flag="is_headline",
)
ACTIVE_PERSONS: Final = kinds_of(
    number="daily_active_persons weekly_active_persons monthly_active_persons",
    time="activity_date",
    flag="is_full_week_window is_full_month_window",
)
EVENT_COUNTS: Final = kinds_of(
    text="event_name period", number="event_count person_count", time="period_start"
)
FORECASTS: Final = kinds_of(
    text="metric_name dimension dimension_value model_version flags",
    number="horizon_days mean lower_80 upper_80 lower_95 upper_95 scale training_days",
    time="origin_date target_date",
)
FORECAST_ACCURACY: Final = kinds_of(
    text="metric_name horizon_bucket model_version",
    number="n wape mase bias coverage_80 coverage_80_lower coverage_80_upper "
    "coverage_95 coverage_95_lower coverage_95_upper msis",
)
ANOMALIES: Final = kinds_of(
    text="incident_id metric_name dimension dimension_value direction status "
    "explanation",
    number="peak_value expected lower upper score",
    time="started_on ended_on peak_date",
)
EXPERIMENTS: Final = kinds_of(
    text="experiment_name label status treatment verdict sentence", time="day_date"
)
FRESHNESS: Final = kinds_of(
    text="source",
    number="landed_row_count quarantined_row_count hours_behind",
    time="last_event_at last_load_at",
)
CHECKS: Final = kinds_of(
    text="gate asset check_name severity status observed cure", number="failed_count"
)


FRAMES: Final = MappingProxyType(
    {
        "metrics": METRICS,
        "definitions": DEFINITIONS,
        "active_persons": ACTIVE_PERSONS,
        "event_counts": EVENT_COUNTS,
        "forecasts": FORECASTS,
        "forecast_accuracy": FORECAST_ACCURACY,
        "anomalies": ANOMALIES,
        "experiments": EXPERIMENTS,
        "freshness": FRESHNESS,
        "checks": CHECKS,
    }
)


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything the weekly report shows.

    Frames may be empty (the first night), then also without columns; other columns
    than the ones named in this module are left out. Times are UTC, naive or aware;
    ``period_start`` and dates are days of the reporting zone. ``as_of`` is the
    instant up to which the data is complete, null before there is any;
    ``generated_for`` names the run. Raises ``ValueError`` for a frame that lacks a
    column, a column of another type, and an unknown time zone.
    """

    as_of: datetime | None
    reporting_timezone: str
    generated_for: str
    product_name: str = "Daybreak demo"
    metrics: pd.DataFrame = field(default_factory=pd.DataFrame)
    definitions: pd.DataFrame = field(default_factory=pd.DataFrame)
    active_persons: pd.DataFrame = field(default_factory=pd.DataFrame)
    event_counts: pd.DataFrame = field(default_factory=pd.DataFrame)
    forecasts: pd.DataFrame = field(default_factory=pd.DataFrame)
    forecast_accuracy: pd.DataFrame = field(default_factory=pd.DataFrame)
    anomalies: pd.DataFrame = field(default_factory=pd.DataFrame)
    experiments: pd.DataFrame = field(default_factory=pd.DataFrame)
    freshness: pd.DataFrame = field(default_factory=pd.DataFrame)
    checks: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        for name, kinds in FRAMES.items():
            object.__setattr__(self, name, typed(getattr(self, name), kinds, name))
        object.__setattr__(self, "as_of", _aware(self.as_of))
        # Fails here, with the name, rather than in the middle of a page.
        _ = self.zone

    @property
    def zone(self) -> ZoneInfo:
        """The reporting time zone."""
        try:
            return ZoneInfo(self.reporting_timezone)
        except (ZoneInfoNotFoundError, ValueError, IsADirectoryError) as error:
            raise ValueError(
                f"unknown reporting_timezone {self.reporting_timezone!r}; "
                "use an IANA name such as Europe/London"
            ) from error


def _aware(instant: datetime | None) -> datetime | None:
    if instant is None or instant.tzinfo is not None:
        return instant
    return instant.replace(tzinfo=UTC)


def typed(frame: pd.DataFrame, kinds: Kinds, name: str) -> pd.DataFrame:
    """The named columns of a frame, each of its kind; ``name`` is for the error.

    Raises ``ValueError`` for a column that is missing or of another type.
    """
    missing = [column for column in kinds if column not in frame.columns]
    if missing and len(frame):
        raise ValueError(f"{name} lacks the columns {missing}")
    columns = {
        column: _column(frame, column, kind, f"{name}.{column}")
        for column, kind in kinds.items()
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def _column(frame: pd.DataFrame, column: str, kind: str, name: str) -> pd.Series:
    values = frame[column] if column in frame.columns else pd.Series(dtype="object")
    try:
        if kind == TIME:
            return pd.to_datetime(values, utc=True).dt.tz_localize(None)
        if kind == NUMBER:
            return values.astype("float64")
        return values.astype("str") if kind == TEXT else values.astype("boolean")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} cannot be read as {kind}: {error}") from error
