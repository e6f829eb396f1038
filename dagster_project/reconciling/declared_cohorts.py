"""What of the catalog cohorts, lifecycles and segments depend on, as it was compiled.

Here belong the series of events these definitions read, and their rules for the second
engine. Here does not belong any reading of events.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from dagster_project.analysis.reconciliation.retention import RetentionRules
from dagster_project.analysis.reconciliation.segments import Thresholds

# Reads columns of a compiled table.
Rows = Callable[[str, str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class DeclaredSeries:
    """Events that a filter takes, whom they count for, and the value they carry."""

    key: str
    unit: str
    filter: str
    match: str | None
    group: str | None
    includes_excluded: bool

    @property
    def columns(self) -> list[str]:
        """SQL: what an event is to it, as `sighting_of` reads it."""
        told = [f"coalesce({self.filter}, false)"]
        if self.match:
            told.append(f"coalesce({self.match}, false)")
        if self.group:
            told.append(f"coalesce(cast({self.group} as varchar), '(none)')")
        return told

    @property
    def not_recomputed(self) -> str | None:
        """Why figures of it are left out; None: they are not."""
        if self.includes_excluded:
            return "older events of robots are not read, and decide who came first"
        return None


@dataclass(frozen=True)
class DeclaredDimension:
    """The total of a retention grid or one breakdown, and the series behind it."""

    name: str
    rules: RetentionRules
    targets: DeclaredSeries
    returns: DeclaredSeries


@dataclass(frozen=True)
class DeclaredRetention:
    """A retention grid as compiled."""

    name: str
    dimensions: tuple[DeclaredDimension, ...]

    @property
    def series(self) -> Iterable[DeclaredSeries]:
        """All series behind it."""
        return [one for part in self.dimensions for one in (part.targets, part.returns)]

    @property
    def unit(self) -> str:
        """SQL: who is counted."""
        return self.dimensions[0].targets.unit

    @property
    def not_recomputed(self) -> str | None:
        """Why it is left out; None: it is not."""
        return next(filter(None, (one.not_recomputed for one in self.series)), None)


@dataclass(frozen=True)
class DeclaredLifecycle:
    """A lifecycle as compiled."""

    name: str
    zone: ZoneInfo
    week_start: str
    periods: tuple[str, ...]
    active: DeclaredSeries

    @property
    def unit(self) -> str:
        """SQL: who is counted."""
        return self.active.unit

    @property
    def not_recomputed(self) -> str | None:
        """Why it is left out; None: it is not."""
        return self.active.not_recomputed


@dataclass(frozen=True)
class DeclaredSegmentation:
    """A segmentation as compiled; it reads who was active, and who was seen at all."""

    name: str
    limits: Thresholds
    zone: ZoneInfo
    active: DeclaredSeries
    seen: DeclaredSeries

    @property
    def not_recomputed(self) -> str | None:
        """Why it is left out; None: it is not."""
        return self.active.not_recomputed


@dataclass(frozen=True)
class DeclaredCohorts:
    """All definitions that are counted from series."""

    grids: tuple[DeclaredRetention, ...]
    lifecycles: tuple[DeclaredLifecycle, ...]
    segmentations: tuple[DeclaredSegmentation, ...]

    @property
    def series(self) -> list[DeclaredSeries]:
        """The series of what is recomputed, each once."""
        read = [
            *(
                one
                for grid in self.grids
                if not grid.not_recomputed
                for one in grid.series
            ),
            *(one.active for one in self.lifecycles if not one.not_recomputed),
            *(
                one
                for segmentation in self.segmentations
                if not segmentation.not_recomputed
                for one in (segmentation.active, segmentation.seen)
            ),
        ]
        return list({one.key: one for one in read}.values())


def read_cohorts(rows: Rows) -> DeclaredCohorts:
    """Read them from the compiled tables."""
    series = {
        key: DeclaredSeries(key, *told)
        for key, *told in rows(
            "catalog_cohort_series.parquet",
            "series_key, unit_sql, filter_sql, match_sql, group_sql, "
            "include_excluded_traffic",
        )
    }
    grids = rows(
        "catalog_retention.parquet",
        "retention_name, entry_mode, retention_type, period, clock, min_occurrences, "
        "timezone, week_start, periods, breakdowns",
    )
    lifecycles = rows(
        "catalog_lifecycle.parquet",
        "lifecycle_name, timezone, week_start, periods, series_key",
    )
    segmentations = rows(
        "catalog_segmentations.parquet",
        "segmentation_name, timezone, series_key, seen_series_key, window_days, "
        "new_days, power_days, engaged_days, idle_days, frequency_drop, churn_days",
    )
    return DeclaredCohorts(
        grids=tuple(_grid(row, series) for row in sorted(grids)),
        lifecycles=tuple(
            DeclaredLifecycle(
                name,
                ZoneInfo(zone),
                week_start,
                tuple(json.loads(periods)),
                series[key],
            )
            for name, zone, week_start, periods, key in sorted(lifecycles)
        ),
        segmentations=tuple(
            DeclaredSegmentation(
                name, Thresholds(*limits), ZoneInfo(zone), series[active], series[seen]
            )
            for name, zone, active, seen, *limits in sorted(segmentations)
        ),
    )


def _grid(
    row: tuple[Any, ...], series: Mapping[str, DeclaredSeries]
) -> DeclaredRetention:
    name, entry, type_, period, clock, least, zone, week_start, cells, parts = row
    buckets = tuple(
        (cell["period_number"], cell["last_period_number"])
        for cell in json.loads(cells)
        if cell["period_number"] > 0
    )
    return DeclaredRetention(
        name,
        tuple(
            DeclaredDimension(
                part["dimension"],
                RetentionRules(
                    entry=entry,
                    type=type_,
                    period=period,
                    buckets=buckets,
                    min_occurrences=least,
                    clock=clock,
                    zone=ZoneInfo(zone),
                    week_start=week_start,
                    matches_value=part["matches_value"],
                ),
                series[part["entries"]],
                series[part["returns"]],
            )
            for part in json.loads(parts)
        ),
    )
