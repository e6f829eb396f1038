"""Histories of exposed persons: against a walk through every person's events."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dagster_project.analysis.experiment_plan import History
from dagster_project.catalog_folder import compile_into_lake, read_catalog
from dagster_project.exposed_history import exposed_history
from dagster_project.settings import DBT_PROJECT, Settings
from dagster_project.warehouse import warehouse_of
from tests.dagster_project.events_of_test import END, ZONE, events_of, write_warehouse

WEEK = timedelta(days=7)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    shutil.copytree(DBT_PROJECT / "catalog", tmp_path / "catalog")
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAYBREAK_CATALOG", str(tmp_path / "catalog"))
    monkeypatch.setenv("DAYBREAK_REPORTING_TIMEZONE", ZONE)
    found = Settings()
    compile_into_lake(read_catalog(found), found, END)
    return found


def history(
    settings: Settings, metric: str, *, seconds: float = 7 * 86_400
) -> History | None:
    return exposed_history(
        warehouse_of(settings), settings, metric, ["checkout_started"], int(seconds)
    )


def walked(events: pd.DataFrame, amount: str | None) -> tuple[list[float], list[float]]:
    """Figures of each exposed person after the exposure, and on the days before."""
    human = events[~events["is_bot"] & ~events["is_internal"]]
    after: list[float] = []
    before: list[float] = []
    for _, own in human.groupby("person_id"):
        seen = own.loc[own["event_name"] == "checkout_started", "occurred_at"]
        seen = seen[(seen >= END - WEEK - timedelta(days=28)) & (seen < END - WEEK)]
        if seen.empty:
            continue
        at = seen.min()
        local = at.tz_localize("UTC").tz_convert(ZONE)
        day = local.normalize().tz_convert("UTC").tz_localize(None)
        bought = own[own["event_name"] == "purchase_completed"]
        inside = bought["occurred_at"].between(at, at + WEEK, inclusive="left")
        # Clocks go forward on March 8th: the first of 28 local days is found by date.
        first = (local.normalize() - pd.DateOffset(days=28)).tz_convert("UTC")
        past = bought["occurred_at"].between(
            first.tz_localize(None), day, inclusive="left"
        )
        for chosen, found in ((inside, after), (past, before)):
            rows = bought[chosen]
            found.append(rows[amount].sum() if amount else float(len(rows) > 0))
    return after, before


def test_figures_are_those_of_who_had_the_event(settings: Settings) -> None:
    events = events_of(END - timedelta(days=70))
    write_warehouse(settings, events)
    buyers = history(settings, "buyers")
    after, _ = walked(events, None)
    assert buyers is not None
    assert 100 < len(after) < 250
    assert buyers.is_proportion
    assert buyers.level == pytest.approx(np.mean(after), rel=1e-12)
    assert buyers.std_dev == pytest.approx(np.std(after, ddof=1), rel=1e-9)
    assert buyers.units_per_day == pytest.approx(len(after) / 28)
    assert buyers.basis == (
        f"{len(after)} persons with checkout_started in 28 days, over 7 days after it"
    )
    revenue = history(settings, "revenue")
    after, before = walked(events, "revenue")
    assert revenue is not None
    assert not revenue.is_proportion
    assert revenue.level == pytest.approx(np.mean(after), rel=1e-9)
    left = 1 - np.corrcoef(after, before)[0, 1] ** 2
    spread = np.std(after, ddof=1) * left**0.5
    assert revenue.std_dev == pytest.approx(spread, rel=1e-9)


def test_a_young_product_has_fewer_days(settings: Settings) -> None:
    events = events_of(END - timedelta(days=17))
    write_warehouse(settings, events)
    found = history(settings, "buyers")
    assert found is not None
    days = (END - WEEK - events["occurred_at"].min()) / timedelta(days=1)
    assert 9.9 < days <= 10
    count = int(found.basis.split()[0].replace(",", ""))
    assert found.units_per_day == pytest.approx(count / days)
    assert "in 10 days, over 7 days" in found.basis


def test_a_window_of_hours_is_said_in_hours(settings: Settings) -> None:
    write_warehouse(settings, events_of(END - timedelta(days=40)))
    found = history(settings, "buyers", seconds=90 * 60)
    assert found is not None
    assert found.basis.endswith("over 1.5 hours after it")


def test_without_enough_to_go_by_there_is_no_history(settings: Settings) -> None:
    assert history(settings, "buyers") is None
    write_warehouse(settings, events_of(END - timedelta(days=40), persons=25))
    assert history(settings, "buyers") is None
    assert history(settings, "sign_ups") is None
