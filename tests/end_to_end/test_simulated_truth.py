"""A dirty simulated product through the whole night, against its known truth.

Duplicates, late and malformed lines, impossible clocks and bots are in the files; the
truth was computed before any of them was added.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ingestion.simulator import Dirt, SimulationSpec, simulate
from tests.end_to_end.home_of_test import HomeOfTest

ACTIVE = ("dau", "wau", "mau")


@dataclass(frozen=True)
class SimulatedNight:
    """A home after one night, and what is true of the product."""

    home: HomeOfTest
    truth: dict[str, Any]
    rows_written: int


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedNight]:
    home = HomeOfTest(tmp_path_factory.mktemp("simulated"))
    result = simulate(
        SimulationSpec(
            seed=23,
            persons=1_500,
            start=date(2026, 1, 1),
            days=90,
            events_target=60_000,
            naming="camelCase",
            formats="jsonl.gz",
            dirt=Dirt.typical(),
        ),
        home.landing / "app",
    )
    home.daybreak("run")
    yield SimulatedNight(home, result.truth, result.row_count)
    shutil.rmtree(home.path)


def test_recurring_revenue_at_the_end_of_each_month(night: SimulatedNight) -> None:
    closing = {day["date"]: day["mrr"]["closing"] for day in night.truth["days"]}
    last_days = {day[:7]: Decimal(closing[day]) for day in sorted(closing)}
    rows = night.home.rows(
        """
        select cast(month_start_date as varchar), closing_amount
        from marts.fct_mrr_monthly
        where mrr_name = 'plans'
        """
    )
    assert {month[:7]: amount for month, amount in rows} == last_days
    assert len(last_days) == 3


def test_counts_by_event_and_day(night: SimulatedNight) -> None:
    rows = night.home.rows(
        """
        select event_name, cast(cast(period_start as date) as varchar), event_count
        from marts.fct_event_counts
        where period = 'day'
        """
    )
    found: dict[str, dict[str, int]] = {}
    for name, day, count in rows:
        found.setdefault(name, {})[day] = count
    assert found == {
        name: {day: count for day, count in days.items() if count}
        for name, days in night.truth["event_counts"].items()
    }


def test_revenue_and_sign_ups_by_day(night: SimulatedNight) -> None:
    figures = {
        (metric, day): numerator
        for metric, day, numerator in night.home.rows(
            """
            select metric_name, cast(cast(period_start as date) as varchar), numerator
            from marts.fct_metrics
            where
                period = 'day' and dimension = 'all'
                and metric_name in ('revenue', 'sign_ups')
            """
        )
    }
    for day in night.truth["days"]:
        net = Decimal(day["revenue"]) - abs(Decimal(day["refunds"]))
        assert figures["revenue", day["date"]] == net, day["date"]
        assert figures["sign_ups", day["date"]] == day["sign_ups"], day["date"]


def test_persons_and_their_accounts(night: SimulatedNight) -> None:
    [found] = night.home.rows("select count(*), count(user_id) from marts.dim_persons")
    totals = night.truth["totals"]
    assert found == (totals["persons"], totals["sign_ups"])


def test_sessions_by_day(night: SimulatedNight) -> None:
    found = dict(
        night.home.rows(
            """
            select cast(started_on as varchar), count(*)
            from marts.fct_sessions where not is_bot group by 1
            """
        )
    )
    assert found == {day["date"]: day["sessions"] for day in night.truth["days"]}


def test_active_persons_by_day(night: SimulatedNight) -> None:
    """Activity is what persons did themselves: events that a device sent."""
    found = night.home.rows(
        """
        select cast(activity_date as varchar), daily_active_persons,
            weekly_active_persons, monthly_active_persons
        from marts.fct_active_persons_daily order by 1
        """
    )
    assert found == [
        (
            day["date"],
            *(day["active_persons"]["client_events"][name] for name in ACTIVE),
        )
        for day in night.truth["days"]
    ]


def test_every_row_written_is_landed_or_set_aside(night: SimulatedNight) -> None:
    [(read, landed, quarantined, events)] = night.home.rows(
        """
        select read_row_count, landed_row_count, quarantined_row_count, event_count
        from trust.freshness
        """
    )
    dirt = night.truth["dirt"]["total"]
    unusable = sum(
        count for kind, count in dirt.items() if kind.startswith(("malformed", "clock"))
    )
    assert read == night.rows_written == landed + quarantined
    assert quarantined == unusable
    assert landed - events == dirt["duplicates"]


def test_planted_days_are_found(night: SimulatedNight) -> None:
    planted = night.truth["planted"]
    found = dict(
        night.home.rows(
            """
            select cast(peak_date as varchar), direction from analysis.anomalies
            where metric_name = 'active_persons'
            """
        )
    )
    assert found.get(planted["spike"]["date"]) == "up", (planted, found)
