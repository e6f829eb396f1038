"""The segments of persons from day to day: both engines' word on them.

Only persons of whom every event was read are compared.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, time, timedelta

import duckdb

from dagster_project.analysis.reconciliation.comparing import (
    Comparison,
    Thing,
    compare,
)
from dagster_project.analysis.reconciliation.events import local_date, local_time
from dagster_project.analysis.reconciliation.segments import spans_of
from dagster_project.reconciling.declared import DeclaredSegmentation
from dagster_project.reconciling.sample import Sample, left_out

AREA = "segments"
Found = dict[Thing, dict[str, object]]


def compare_segments(
    connection: duckdb.DuckDBPyConnection,
    sample: Sample,
    segmentation: DeclaredSegmentation,
) -> Comparison:
    """Compare every span of days in one segment."""
    name = segmentation.name
    if segmentation.not_recomputed:
        return left_out(AREA, name, segmentation.not_recomputed)
    told = connection.execute(
        "select watermark_at from intermediate.int_watermark"
    ).fetchone()
    if told is None or told[0] is None:
        return left_out(AREA, name, "nothing has landed")
    active: dict[str, set[date]] = defaultdict(set)
    seen: dict[str, set[date]] = defaultdict(set)
    for one in sample.presence[name]:
        day = local_date(one.at, segmentation.zone)
        if one.is_activity:
            active[one.person_id].add(day)
        if one.is_seen:
            seen[one.person_id].add(day)
    last_day = _last_begun(told[0], segmentation)
    recomputed: Found = {
        (person, str(span.started_on)): {
            "segment": span.segment,
            "ended_on": span.ended_on,
        }
        for person, days in seen.items()
        if person in sample.whole
        for span in spans_of(active[person], days, last_day, segmentation.limits)
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
        reason="of persons who are new only",
    )


def _last_begun(watermark: datetime, segmentation: DeclaredSegmentation) -> date:
    """Give the last local day that has begun before the watermark."""
    now = local_time(watermark, segmentation.zone)
    is_midnight = now == datetime.combine(now.date(), time())
    return now.date() - timedelta(days=int(is_midnight))
