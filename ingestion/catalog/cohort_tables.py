"""The tables of the compiled catalog that cohorts and engagement are counted from.

Belongs here: which tables there are, and which series they need together. Not here:
the rows of one definition (`retention_sql`, `engagement_sql`), and writing files
(`compiler`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa

from ingestion.catalog.cohort_series import (
    SERIES_COLUMNS,
    Row,
    Series,
    SeriesCompiler,
    series_rows,
)
from ingestion.catalog.cohort_value_sql import (
    LTV_COLUMNS,
    ltv_row,
    valued_breakdowns,
)
from ingestion.catalog.engagement_sql import (
    LIFECYCLE_COLUMNS,
    SEGMENTATION_COLUMNS,
    STICKINESS_COLUMNS,
    activity_series,
    lifecycle_row,
    seen_series,
    segmentation_row,
    stickiness_row,
)
from ingestion.catalog.group_sql import (
    GROUP_COLUMNS,
    group_row,
    group_series,
    group_specs,
)
from ingestion.catalog.models import Catalog
from ingestion.catalog.retention_models import CohortDefinition
from ingestion.catalog.retention_sql import (
    PERIOD_COLUMNS,
    RETENTION_COLUMNS,
    compiled_breakdowns,
    period_rows,
    retention_row,
)
from ingestion.catalog.score_sql import SCORE_COLUMNS, score_row, score_series
from ingestion.catalog.settings import CatalogSettings

Table = tuple[list[Row], pa.Schema]


def cohort_tables(
    catalog: Catalog, settings: CatalogSettings, dialect: str
) -> dict[str, Table]:
    """Give rows and columns of every table, by its name."""

    def compiler(spec: CohortDefinition) -> SeriesCompiler:
        return SeriesCompiler(catalog, settings, dialect, spec)

    grids = [retention_row(spec, compiler(spec)) for spec in catalog.retention]
    values = [ltv_row(spec, compiler(spec)) for spec in catalog.ltv]
    cycles = [lifecycle_row(spec, compiler(spec)) for spec in catalog.lifecycle]
    sticky = [stickiness_row(spec, compiler(spec)) for spec in catalog.stickiness]
    parted = [segmentation_row(spec, compiler(spec)) for spec in catalog.segments]
    periods = [row for spec in catalog.retention for row in period_rows(spec)]
    return {
        "catalog_cohort_series": (
            series_rows(_all_series(catalog, compiler)),
            SERIES_COLUMNS,
        ),
        "catalog_retention": (grids, RETENTION_COLUMNS),
        "catalog_retention_periods": (periods, PERIOD_COLUMNS),
        "catalog_cohort_ltv": (values, LTV_COLUMNS),
        "catalog_lifecycle": (cycles, LIFECYCLE_COLUMNS),
        "catalog_stickiness": (sticky, STICKINESS_COLUMNS),
        "catalog_segmentations": (parted, SEGMENTATION_COLUMNS),
        "catalog_scores": (
            [score_row(spec, compiler(spec)) for spec in catalog.scores],
            SCORE_COLUMNS,
        ),
        "catalog_groups": (
            [group_row(spec, compiler(spec)) for spec in group_specs(catalog)],
            GROUP_COLUMNS,
        ),
    }


def _all_series(
    catalog: Catalog, compiler: Callable[[CohortDefinition], SeriesCompiler]
) -> Iterator[Series]:
    for grid in catalog.retention:
        for breakdown in compiled_breakdowns(grid, compiler(grid)):
            yield from (breakdown.entries, breakdown.returns)
    for ltv in catalog.ltv:
        for breakdown in valued_breakdowns(ltv, compiler(ltv)):
            yield from (breakdown.entries, breakdown.returns)
    for spec in (*catalog.lifecycle, *catalog.stickiness, *catalog.segments):
        yield activity_series(compiler(spec), spec)
    for segmentation in catalog.segments:
        yield seen_series(compiler(segmentation))
    for score in catalog.scores:
        yield from score_series(score, compiler(score))
    for group in group_specs(catalog):
        yield from group_series(group, compiler(group))
