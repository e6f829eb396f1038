"""Lifecycle, stickiness, segments and usage churn hold against a plain recount.

As with retention, the log lands in loads with a build after each, and half of the
definitions come with the last one.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings

from dagster_project.analysis.reconciliation.periods import (
    WEEKDAYS,
    next_start,
    start_of,
)
from tests.dbt_project.cohort_logs import (
    DAYS,
    START,
    ZONES,
    Declared,
    Row,
    account_of,
    activity_filters,
    logs,
    selected,
)
from tests.dbt_project.cohort_oracle import Event, local_time
from tests.dbt_project.engagement_oracle import (
    SEGMENTS,
    Activity,
    Thresholds,
    lifecycle,
    moved,
    segments_by_day,
    spine,
    stickiness,
    usage_churn,
)
from tests.dbt_project.test_retention_grids import EVENTS
from tests.dbt_project.warehouse_of_test import WarehouseOfTest

MODELS = ("+marts.engagement",)
MARTS = (
    *("fct_lifecycle", "fct_stickiness", "fct_segment_members", "fct_segments_daily"),
    *("fct_segment_movements", "fct_usage_spells", "fct_usage_churn"),
)

_common = st.fixed_dictionaries(
    {
        "activity": activity_filters,
        "count_by": st.sampled_from(("person_id", "person_id", "property('account')")),
        "timezone": st.sampled_from(ZONES),
        "week_start": st.sampled_from(WEEKDAYS),
    }
)
_lifecycles = st.builds(
    lambda common, periods: common | {"periods": periods},
    _common,
    st.lists(
        st.sampled_from(("hour", "day", "week", "month")),
        min_size=1,
        max_size=3,
        unique=True,
    ),
)
_windows = st.sampled_from(
    (
        *({"interval": "day", "last": 5}, {"interval": "day", "within": "week"}),
        *({"interval": "day", "within": "month"}, {"interval": "hour", "last": 30}),
        *({"interval": "hour", "within": "day"}, {"interval": "week", "last": 3}),
        *({"interval": "month", "last": 2}, {}),
    )
)
_stickiness = st.builds(lambda common, window: common | window, _common, _windows)
_thresholds = st.fixed_dictionaries(
    {
        "window_days": st.sampled_from((6, 10)),
        "new_days": st.integers(0, 5),
        "power_days": st.sampled_from((3, 5)),
        "engaged_days": st.sampled_from((1, 2)),
        "idle_days": st.integers(1, 8),
        "frequency_drop": st.sampled_from((0.25, 0.5, 0.6)),
        "churn_days": st.integers(1, 12),
    }
)
_segmentations = st.builds(
    lambda common, thresholds: common | thresholds, _common, _thresholds
)
declarations = st.fixed_dictionaries(
    {
        "lifecycle": st.lists(_lifecycles, min_size=4, max_size=4),
        "stickiness": st.lists(_stickiness, min_size=5, max_size=5),
        "segments": st.lists(_segmentations, min_size=5, max_size=5),
    }
)


def declare(
    warehouse: WarehouseOfTest, folder: Path, declared: Declared, as_of: datetime
) -> None:
    (folder / "events.yml").write_text(EVENTS)
    (folder / "metrics.yml").write_text("metrics: []\n")
    stickiness = [*declared["stickiness"], {"name": "of_30_days"}]
    content = {**declared, "stickiness": stickiness}
    (folder / "segments.yml").write_text(yaml.safe_dump(content))
    warehouse.declare(folder, as_of=as_of)


def named(declared: Declared, step: int = 1) -> Declared:
    return {
        key: [{"name": f"d{n}", **one} for n, one in enumerate(listed)][::step]
        for key, listed in declared.items()
    }


def activity_of(declared: Declared) -> Activity:
    counts = selected(declared["activity"])

    def counts_of_people(event: Event) -> bool:
        return event["browser"] != "bot" and counts(event)

    by_person = declared["count_by"] == "person_id"
    return Activity(
        counts=counts_of_people,
        unit=(lambda event: event["user_id"]) if by_person else account_of,
        timezone=declared["timezone"],
        week_start=declared["week_start"],
    )


def compare(
    warehouse: WarehouseOfTest,
    folder: Path,
    log: list[Row],
    declared: Declared,
    days_seen: int,
) -> None:
    warehouse.reset()
    as_of = START + timedelta(days=days_seen, hours=3)
    declare(warehouse, folder, named(declared, step=2), as_of)
    warehouse.land(log[::2], load_id="20260601T000000000000")
    warehouse.build(select=MODELS)
    declare(warehouse, folder, named(declared), as_of)
    warehouse.land(log[1::2], load_id="20260602T000000000000")
    warehouse.build(select=MODELS)
    for number, one in enumerate(declared["lifecycle"]):
        compare_lifecycle(warehouse, f"d{number}", one, log, as_of)
    for number, one in enumerate(declared["stickiness"]):
        compare_stickiness(warehouse, f"d{number}", one, log, as_of)
    for number, one in enumerate(declared["segments"]):
        compare_segments(warehouse, f"d{number}", one, log, as_of)
    compare_active_persons(warehouse)
    warehouse.dbt("test", "--select", "marts.engagement,test_type:data")


def compare_active_persons(warehouse: WarehouseOfTest) -> None:
    """Stickiness of 30 days is counted another way than the trailing actives are."""
    differing = warehouse.rows(
        """
        select *
        from marts.fct_active_persons_daily as daily
        inner join marts.fct_stickiness as of_30_days
            on daily.activity_date + 1 = of_30_days.window_end
        where
            of_30_days.stickiness_name = 'of_30_days'
            and (
                daily.daily_active_persons <> of_30_days.last_interval_person_count
                or daily.monthly_active_persons <> of_30_days.window_person_count
                or daily.stickiness_rate <> of_30_days.stickiness_rate
            )
        """
    )
    assert differing == []


def compare_lifecycle(
    warehouse: WarehouseOfTest,
    name: str,
    declared: Declared,
    log: list[Row],
    as_of: datetime,
) -> None:
    for period in declared["periods"]:
        found = {
            row[0]: row[1:]
            for row in warehouse.rows(
                f"""
                select
                    period_start, new_count, returning_count, resurrecting_count,
                    dormant_count
                from marts.fct_lifecycle
                where lifecycle_name = '{name}' and period = '{period}'
                """
            )
        }
        expected = lifecycle(activity_of(declared), log, period, as_of)
        assert found == expected, (declared, period)


def compare_stickiness(
    warehouse: WarehouseOfTest,
    name: str,
    declared: Declared,
    log: list[Row],
    as_of: datetime,
) -> None:
    interval = declared.get("interval", "day")
    within = declared.get("within")
    last = None if within else declared.get("last", 30)
    expected = stickiness(activity_of(declared), log, interval, last, within, as_of)
    found: dict[Any, dict[int, int]] = {window: {} for window in expected}
    for start, end, k, exactly, at_least, persons in warehouse.rows(
        f"""
        select
            window_start, window_end, active_interval_count, person_count,
            person_at_least_count, window_person_count
        from marts.fct_stickiness where stickiness_name = '{name}'
        """
    ):
        histogram = expected[start, end]
        assert at_least == sum(n for j, n in histogram.items() if j >= k)
        assert persons == sum(histogram.values())
        if exactly:
            found[start, end][k] = exactly
    assert found == expected, declared


def compare_segments(
    warehouse: WarehouseOfTest,
    name: str,
    declared: Declared,
    log: list[Row],
    as_of: datetime,
) -> None:
    activity = activity_of(declared)
    names = Thresholds.__dataclass_fields__
    limits = Thresholds(**{key: declared[key] for key in names} | exact(declared))
    anything = activity_of(declared | {"activity": {"event": ["*"]}})
    active, seen = activity.days(log, as_of), anything.days(log, as_of)
    now = local_time(as_of, activity.timezone)
    last_day = (now - timedelta(microseconds=1)).date()
    by_day = segments_by_day(active, seen, last_day, limits)

    spans = warehouse.rows(
        f"""
        select person_id, segment, started_on, ended_on
        from marts.fct_segment_members where segmentation_name = '{name}'
        """
    )
    found = {}
    for unit, segment, start, end in spans:
        while start < (end or last_day + timedelta(days=1)):
            assert (unit, start) not in found
            found[unit, start] = segment
            start += timedelta(days=1)
    assert found == by_day, declared
    compare_daily(warehouse, name, by_day)
    compare_churn(warehouse, name, declared, active, seen, as_of)


def exact(declared: Declared) -> dict[str, Decimal]:
    return {"frequency_drop": Decimal(str(declared["frequency_drop"]))}


def compare_daily(warehouse: WarehouseOfTest, name: str, by_day: Any) -> None:
    daily = warehouse.rows(
        f"""
        select activity_date, segment, person_count from marts.fct_segments_daily
        where segmentation_name = '{name}'
        """
    )
    expected = Counter((day, segment) for (_, day), segment in by_day.items())
    assert {(d, s): n for d, s, n in daily if n} == expected
    days = {day for _, day in by_day}
    assert len(daily) == len(SEGMENTS) * len(days)
    movements = warehouse.rows(
        f"""
        select activity_date, from_segment, to_segment, person_count
        from marts.fct_segment_movements where segmentation_name = '{name}'
        """
    )
    assert {tuple(move): count for *move, count in movements} == moved(by_day)


def compare_churn(
    warehouse: WarehouseOfTest,
    name: str,
    declared: Declared,
    active: Any,
    seen: Any,
    as_of: datetime,
) -> None:
    zone, week_start = declared["timezone"], declared["week_start"]
    now = local_time(as_of, zone)
    found = {
        (period, start): (base, churned)
        for period, start, base, churned in warehouse.rows(
            f"""
            select period, period_start_date, active_start_count, churned_count
            from marts.fct_usage_churn where segmentation_name = '{name}'
            """
        )
    }
    expected = {}
    if seen:
        first = datetime.combine(
            min(min(days) for days in seen.values()), datetime.min.time()
        )
        for period in ("day", "week", "month"):
            start = start_of(period, first, week_start)
            for at, is_over in spine(start, period, as_of, zone):
                end = next_start(period, at)
                base, gone = usage_churn(
                    active, at.date(), end.date(), declared["churn_days"], now
                )
                expected[period, at.date()] = (base, gone if is_over else None)
    assert found == expected, declared


def check(
    warehouse: WarehouseOfTest, folder: Path, examples: int, **rules: Any
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **rules,
    )
    @given(
        log=logs(),
        declared=declarations,
        days_seen=st.sampled_from((30, DAYS + 20)),
    )
    def holds(log: list[Row], declared: Declared, days_seen: int) -> None:
        # The first example of all is one event many times over.
        assume(len({event["occurred_at"] for event in log}) > 20)
        compare(warehouse, folder, log, declared, days_seen)

    holds()


def test_engagement_equals_a_recount(
    warehouse: WarehouseOfTest, tmp_path: Path
) -> None:
    check(warehouse, tmp_path, 1, derandomize=True, phases=(Phase.generate,))


@pytest.mark.campaign
def test_engagement_equals_many_recounts(
    warehouse: WarehouseOfTest, tmp_path: Path
) -> None:
    check(warehouse, tmp_path, 25)
