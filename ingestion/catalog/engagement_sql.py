"""Lifecycle, stickiness and segments as rows: the series they read, their settings.

Belongs here: which series a definition needs. Not here: the SQL of a series
(`cohort_series`), and the counting (dbt, macros/cohorts).
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from ingestion.catalog.cohort_series import (
    Grain,
    Row,
    Series,
    SeriesCompiler,
    canonical_json,
)
from ingestion.catalog.engagement_models import (
    ActivityDefinition,
    LifecycleSpec,
    SegmentationSpec,
    StickinessSpec,
)
from ingestion.catalog.models import EventFilter

_TEXT: Final = pa.string()
_COMMON: Final = (
    *(pa.field("label", _TEXT), pa.field("description", _TEXT)),
    *(pa.field("owner", _TEXT), pa.field("timezone", _TEXT)),
    *(pa.field("week_start", _TEXT), pa.field("series_key", _TEXT)),
    pa.field("definition", _TEXT),
)
LIFECYCLE_COLUMNS: Final = pa.schema(
    [pa.field("lifecycle_name", _TEXT), pa.field("periods", _TEXT), *_COMMON]
)
STICKINESS_COLUMNS: Final = pa.schema(
    [
        pa.field("stickiness_name", _TEXT),
        pa.field("interval_period", _TEXT),
        pa.field("window_intervals", pa.int32()),
        pa.field("window_period", _TEXT),
        *_COMMON,
    ]
)
SEGMENTATION_COLUMNS: Final = pa.schema(
    [
        pa.field("segmentation_name", _TEXT),
        pa.field("seen_series_key", _TEXT),
        pa.field("window_days", pa.int32()),
        pa.field("new_days", pa.int32()),
        pa.field("power_days", pa.int32()),
        pa.field("engaged_days", pa.int32()),
        pa.field("idle_days", pa.int32()),
        pa.field("frequency_drop", pa.decimal128(7, 6)),
        pa.field("churn_days", pa.int32()),
        *_COMMON,
    ]
)


def activity_series(compiler: SeriesCompiler, spec: ActivityDefinition) -> Series:
    """Give the series of a definition's activity, by day or by hour."""
    by_hour = (isinstance(spec, LifecycleSpec) and "hour" in spec.periods) or (
        isinstance(spec, StickinessSpec) and spec.interval == "hour"
    )
    grain: Grain = "hour" if by_hour else "day"
    return compiler.series(spec.activity, grain=grain)


def seen_series(compiler: SeriesCompiler) -> Series:
    """Give the series of any event at all: when somebody was first seen."""
    return compiler.series(EventFilter(event=("*",)), grain="day")


def lifecycle_row(spec: LifecycleSpec, compiler: SeriesCompiler) -> Row:
    """Give the row of one lifecycle; see `LIFECYCLE_COLUMNS`."""
    return {
        "lifecycle_name": spec.name,
        "periods": canonical_json(spec.periods),
        **_common(spec, compiler),
    }


def stickiness_row(spec: StickinessSpec, compiler: SeriesCompiler) -> Row:
    """Give the row of one stickiness; see `STICKINESS_COLUMNS`."""
    return {
        "stickiness_name": spec.name,
        "interval_period": spec.interval,
        "window_intervals": spec.window_intervals,
        "window_period": spec.within,
        **_common(spec, compiler),
    }


def segmentation_row(spec: SegmentationSpec, compiler: SeriesCompiler) -> Row:
    """Give the row of one segmentation; see `SEGMENTATION_COLUMNS`."""
    thresholds = spec.model_dump(
        include={
            *("window_days", "new_days", "power_days", "engaged_days"),
            *("idle_days", "frequency_drop", "churn_days"),
        }
    )
    return {
        "segmentation_name": spec.name,
        "seen_series_key": seen_series(compiler).key,
        **thresholds,
        **_common(spec, compiler),
    }


def _common(spec: ActivityDefinition, compiler: SeriesCompiler) -> Row:
    return {
        "label": spec.label or spec.name.replace("_", " ").capitalize(),
        "description": spec.description,
        "owner": spec.owner,
        "timezone": compiler.timezone,
        "week_start": compiler.week_start,
        "series_key": activity_series(compiler, spec).key,
        "definition": canonical_json(spec.model_dump(mode="json")),
    }
