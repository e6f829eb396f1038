"""Definitions that count groups, as rows: the series they read, their settings.

Belongs here: which series a definition needs. Not here: the SQL of a series
(`cohort_series`), and the counting (dbt, `int_group_periods`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from ingestion.catalog.cohort_series import Row, Series, SeriesCompiler, canonical_json
from ingestion.catalog.group_models import (
    AchievementSpec,
    ChallengeSpec,
    FeatureSpec,
    GroupSpec,
    PeerBenchmarkSpec,
    ShareSpec,
)
from ingestion.catalog.models import Catalog
from ingestion.catalog.retention_models import ActivityFilter

_TEXT: Final = pa.string()
GROUP_COLUMNS: Final = pa.schema(
    [
        *(pa.field("kind", _TEXT), pa.field("definition_name", _TEXT)),
        *(pa.field("label", _TEXT), pa.field("description", _TEXT)),
        *(pa.field("owner", _TEXT), pa.field("unit", _TEXT)),
        *(pa.field("timezone", _TEXT), pa.field("week_start", _TEXT)),
        pa.field("periods", _TEXT),
        pa.field("series_key", _TEXT),
        pa.field("base_series_key", _TEXT),
        pa.field("return_series_key", _TEXT),
        *(pa.field("window_days", pa.int32()), pa.field("min_peers", pa.int32())),
        pa.field("adds_up_values", pa.bool_()),
        pa.field("definition", _TEXT),
    ]
)


def group_specs(catalog: Catalog) -> tuple[GroupSpec, ...]:
    """Give all definitions of a catalog that count groups."""
    return (
        *(*catalog.shares, *catalog.achievements, *catalog.challenges),
        *(*catalog.features, *catalog.geography, *catalog.content),
        *(*catalog.market_segments, *catalog.peer_benchmarks),
    )


def group_series(spec: GroupSpec, compiler: SeriesCompiler) -> Iterator[Series]:
    """Give every series that a definition reads."""
    yield _counted(spec, compiler)
    if base := _base(spec, compiler):
        yield base
    if returns := _returns(spec, compiler):
        yield returns


def group_row(spec: GroupSpec, compiler: SeriesCompiler) -> Row:
    """Give the row of one definition; see `GROUP_COLUMNS`."""
    base, returns = _base(spec, compiler), _returns(spec, compiler)
    return {
        "kind": spec.kind,
        "definition_name": spec.name,
        "label": spec.label or spec.name.replace("_", " ").capitalize(),
        "description": spec.description,
        "owner": spec.owner,
        "unit": spec.unit,
        "timezone": compiler.timezone,
        "week_start": compiler.week_start,
        "periods": canonical_json(spec.periods),
        "series_key": _counted(spec, compiler).key,
        "base_series_key": base.key if base else None,
        "return_series_key": returns.key if returns else None,
        "window_days": getattr(spec, "days", None),
        "min_peers": getattr(spec, "min_peers", None),
        "adds_up_values": spec.value is not None,
        "definition": canonical_json(spec.model_dump(mode="json")),
    }


def _counted(spec: GroupSpec, compiler: SeriesCompiler) -> Series:
    return compiler.series(
        spec.events,
        grain="day",
        # Only the time to adopt asks for the very instant.
        keeps_first=isinstance(spec, FeatureSpec),
        group=spec.by,
        is_grouped=True,
        value=spec.value,
    )


def _base(spec: GroupSpec, compiler: SeriesCompiler) -> Series | None:
    """Give the series of all persons that the groups are shares of."""
    if isinstance(spec, FeatureSpec):
        return compiler.series(spec.eligible, grain="day", keeps_first=True)
    if isinstance(spec, ShareSpec | ChallengeSpec | PeerBenchmarkSpec):
        return None
    if isinstance(spec, AchievementSpec):
        return compiler.series(ActivityFilter(), grain="day")
    return compiler.series(spec.events, grain="day")


def _returns(spec: GroupSpec, compiler: SeriesCompiler) -> Series | None:
    if not isinstance(spec, ShareSpec) or spec.returns is None:
        return None
    return compiler.series(
        spec.returns, grain="day", group=spec.returns.by, is_grouped=True
    )
