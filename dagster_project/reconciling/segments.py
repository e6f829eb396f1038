"""The segments of persons or accounts from day to day: both engines' word on them.

Only those of whom every event was read are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import duckdb

from dagster_project.analysis.reconciliation.comparing import (
    Comparison,
    Thing,
    compare,
)
from dagster_project.analysis.reconciliation.events import local_date, local_time
from dagster_project.analysis.reconciliation.segments import spans_of
from dagster_project.reconciling.declared_cohorts import (
    DeclaredSegmentation,
    DeclaredSeries,
)
from dagster_project.reconciling.sample import left_out
from dagster_project.reconciling.sample_events import Sighted

AREA = "segments"
Found = dict[Thing, dict[str, object]]


def compare_segments(
    connection: duckdb.DuckDBPyConnection,
    sighted: Mapping[str, Sighted],
    segmentation: DeclaredSegmentation,
) -> Comparison:
    """Compare every span of days in one segment; ``sighted``: by unit (SQL)."""
    name = segmentation.name
    if segmentation.not_recomputed:
        return left_out(AREA, name, segmentation.not_recomputed)
    sample = sighted[segmentation.active.unit]
    last_day = _last_begun(sample.watermark, segmentation)
    recomputed: Found = {
        (person, str(span.started_on)): {
            "segment": span.segment,
            "ended_on": span.ended_on,
        }
        for person in sample.whole
        for span in spans_of(
            _days(sample, segmentation.active, person, segmentation.zone),
            _days(sample, segmentation.seen, person, segmentation.zone),
            last_day,
            segmentation.limits,
        )
    }
    persons = sorted(sample.whole)
    rows = connection.execute(
        "select person_id, started_on, segment, ended_on "
        "from marts.fct_segment_members "
        "where segmentation_name = ? and list_contains(?, person_id)",
        [name, persons],
    ).fetchall()
    found: Found = {
        (person, str(started_on)): {"segment": segment, "ended_on": ended_on}
        for person, started_on, segment, ended_on in rows
    }
    return compare(
        AREA,
        name,
        recomputed,
        found,
        persons=persons,
        reason=sample.new_only,
    )


def _days(
    sample: Sighted, series: DeclaredSeries, person: str, zone: ZoneInfo
) -> set[date]:
    return {local_date(one.at, zone) for one in sample.sightings_of(series, person)}


def _last_begun(watermark: datetime, segmentation: DeclaredSegmentation) -> date:
    """Give the last local day that has begun before the watermark."""
    now = local_time(watermark, segmentation.zone)
    is_midnight = now == datetime.combine(now.date(), time())
    return now.date() - timedelta(days=int(is_midnight))
