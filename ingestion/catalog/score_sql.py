"""A score as a row: the series that its parts read, how they are weighed.

Belongs here: which series a definition needs. Not here: the SQL of a series
(`cohort_series`), and the adding up (dbt, macros/cohorts).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from ingestion.catalog.cohort_series import (
    Row,
    Series,
    SeriesCompiler,
    canonical_json,
)
from ingestion.catalog.engagement_sql import seen_series
from ingestion.catalog.score_models import ScorePart, ScoreSpec

_TEXT: Final = pa.string()
SCORE_COLUMNS: Final = pa.schema(
    [
        *(pa.field("score_name", _TEXT), pa.field("label", _TEXT)),
        *(pa.field("description", _TEXT), pa.field("owner", _TEXT)),
        *(pa.field("timezone", _TEXT), pa.field("week_start", _TEXT)),
        pa.field("seen_series_key", _TEXT),
        pa.field("window_days", pa.int32()),
        pa.field("listed_days", pa.int32()),
        pa.field("week_count", pa.int32()),
        *(pa.field("parts", _TEXT), pa.field("bands", _TEXT)),
        pa.field("definition", _TEXT),
    ]
)


def score_series(spec: ScoreSpec, compiler: SeriesCompiler) -> Iterator[Series]:
    """Give the series of every part, and that of any event at all."""
    yield seen_series(compiler)
    for part in spec.parts:
        yield _series_of(part, compiler)


def score_row(spec: ScoreSpec, compiler: SeriesCompiler) -> Row:
    """Give the row of one score; see `SCORE_COLUMNS`."""
    parts = [
        {
            "name": part.name,
            "label": part.label or part.name.replace("_", " ").capitalize(),
            "measure": part.measure,
            "series_key": _series_of(part, compiler).key,
            "full_at": str(part.full_at),
            "is_less_better": part.is_less_better,
            "weight": str(part.weight),
        }
        for part in spec.parts
    ]
    bands = sorted(spec.bands, key=lambda band: band.starts_at, reverse=True)
    return {
        "score_name": spec.name,
        "label": spec.label or spec.name.replace("_", " ").capitalize(),
        "description": spec.description,
        "owner": spec.owner,
        "timezone": compiler.timezone,
        "week_start": compiler.week_start,
        "seen_series_key": seen_series(compiler).key,
        "window_days": spec.window_days,
        "listed_days": spec.listed_days,
        "week_count": spec.weeks,
        "parts": canonical_json(parts),
        "bands": canonical_json(
            [{"name": band.name, "starts_at": str(band.starts_at)} for band in bands]
        ),
        "definition": canonical_json(spec.model_dump(mode="json")),
    }


def _series_of(part: ScorePart, compiler: SeriesCompiler) -> Series:
    return compiler.series(part.events, grain="day", value=part.value)
