"""Figures of persons for equal halves: read as the catalog means them."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from dagster_project.aa_persons import aa_table, additive_metrics, read_persons
from dagster_project.tables import AA_VALIDATION
from dagster_project.warehouse import Warehouse
from quality_checks.runner import run_suite
from quality_checks.suites.aa_validation import aa_validation_suite

LAST_DAY = date(2026, 3, 31)
ZONE = "America/New_York"


def part(
    role: str, aggregate: str, names: str, value: str | None = None
) -> dict[str, Any]:
    return {
        "role": role,
        "aggregate": aggregate,
        "filter_sql": f"event_name IN ({names})",
        "value_sql": value,
        "percentile": None,
        "window_days": None,
    }


METRICS: dict[str, list[dict[str, Any]]] = {
    "buyers": [part("value", "unique_persons", "'bought'")],
    "per_order": [
        part("numerator", "sum", "'bought'", "revenue"),
        part("denominator", "count", "'bought'"),
    ],
    "revenue": [part("value", "sum", "'bought'", "revenue")],
    "views": [part("value", "count", "'viewed'")],
    # These do not add up over a person's events.
    "courses": [part("value", "unique_values", "'bought'", "revenue")],
    "conversion": [],
}


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 6_000
    start = datetime(2026, 1, 25)
    return pd.DataFrame(
        {
            "person_id": [f"p{i}" for i in rng.integers(0, 400, n)],
            "event_name": rng.choice(
                ["viewed", "bought", "other"], n, p=[0.6, 0.1, 0.3]
            ),
            "occurred_at": [
                start + timedelta(minutes=int(m)) for m in rng.integers(0, 96_000, n)
            ],
            "revenue": np.round(rng.gamma(2.0, 20.0, n), 2),
            "is_bot": rng.random(n) < 0.05,
            "is_internal": False,
        }
    )


@pytest.fixture
def warehouse(tmp_path: Path, events: pd.DataFrame) -> Warehouse:
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        connection.register("incoming", events)
        connection.execute("create schema intermediate")
        connection.execute(
            "create table intermediate.int_events as select * replace ("
            "cast(revenue as decimal(18, 2)) as revenue), "
            "cast(occurred_at as date) as event_date from incoming"
        ).fetchall()
        connection.execute(
            "create table intermediate.int_event_days as "
            "select date '2026-03-31' as event_date, '20260401T01' as last_load_id"
        ).fetchall()
        connection.register(
            "metrics",
            pd.DataFrame(
                [
                    {
                        "metric_name": name,
                        "definition_hash": f"h-{name}",
                        "components": json.dumps(parts),
                        "include_excluded_traffic": name == "views",
                        "uses_person_properties": False,
                    }
                    for name, parts in METRICS.items()
                ]
            ),
        )
        file = tmp_path / "catalog_metrics.parquet"
        connection.execute(f"copy metrics to '{file}' (format parquet)").fetchall()
    return Warehouse(tmp_path / "w.duckdb", 1, "1GB", tmp_path)


def test_metrics_that_add_up_are_found(warehouse: Warehouse) -> None:
    found = additive_metrics(warehouse, warehouse.path.parent)
    assert {metric.name: metric.kind.name for metric in found} == {
        "buyers": "PROPORTION",
        "per_order": "RATIO",
        "revenue": "MEAN",
        "views": "MEAN",
    }


def test_figures_are_those_of_each_person(
    warehouse: Warehouse, events: pd.DataFrame
) -> None:
    metrics = additive_metrics(warehouse, warehouse.path.parent)
    found = read_persons(warehouse, metrics, last_day=LAST_DAY, reporting_timezone=ZONE)
    local = events["occurred_at"].dt.tz_localize("UTC").dt.tz_convert(ZONE)
    day = local.dt.tz_localize(None).dt.normalize()
    ages = (pd.Timestamp(LAST_DAY) - day).dt.days
    seen = events[(ages >= 0) & (ages < 56)].assign(age=ages)
    persons = sorted(seen["person_id"].unique())
    assert found.values.shape == (4, len(persons), 4)
    for place, person in enumerate(persons[:50]):
        own = seen[seen["person_id"] == person]
        human = own[~own["is_bot"]]
        for offset, span in ((0, slice(0, 27)), (2, slice(28, 55))):
            inside = human[human["age"].between(span.start, span.stop)]
            bought = inside[inside["event_name"] == "bought"]
            views = own[own["age"].between(span.start, span.stop)]
            views = views[views["event_name"] == "viewed"]
            figures = found.values[:, place, offset : offset + 2]
            expected = [
                (float(len(bought) > 0), 0.0),
                (bought["revenue"].sum(), float(len(bought))),
                (bought["revenue"].sum(), 0.0),
                (float(len(views)), 0.0),
            ]
            np.testing.assert_allclose(figures, expected, atol=1e-9)


def test_the_table_passes_its_gate_and_is_kept_until_there_is_news(
    warehouse: Warehouse, events: pd.DataFrame
) -> None:
    def persons(day: date, zone: str = ZONE) -> set[int]:
        found = aa_table(
            warehouse, warehouse.path.parent, last_day=day, reporting_timezone=zone
        )
        return set(found["person_count"])

    first = aa_table(
        warehouse, warehouse.path.parent, last_day=LAST_DAY, reporting_timezone=ZONE
    )
    warehouse.write(AA_VALIDATION, first)
    assert first["is_within_band"].all()
    verdict = run_suite(aa_validation_suite(), warehouse.path)
    assert [result.status for result in verdict.results] == ["passed"] * 4
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("truncate intermediate.int_events")
    assert persons(LAST_DAY) == set(first["person_count"]) == {400}
    # Another day, another zone, and what came late for days that are known.
    assert persons(LAST_DAY + timedelta(days=1)) == {0}
    assert persons(LAST_DAY, "UTC") == {0}
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(
            "update intermediate.int_event_days set last_load_id = '20260401T02'"
        )
    assert persons(LAST_DAY) == {0}
    assert events["person_id"].nunique() == 400


@pytest.mark.parametrize(
    ("rate", "statuses"),
    [(0.2, ("failed", "passed")), (0.0, ("passed", "warned"))],
)
def test_a_rate_above_its_band_stops_the_night_and_one_below_warns(
    warehouse: Warehouse, rate: float, statuses: tuple[str, str]
) -> None:
    table = aa_table(
        warehouse, warehouse.path.parent, last_day=LAST_DAY, reporting_timezone=ZONE
    )
    bounds = ["false_positive_rate", "rate_lower", "rate_upper"]
    table.loc[table["metric_name"] == "revenue", bounds] = rate
    table.loc[table["metric_name"] == "revenue", "is_within_band"] = False
    warehouse.write(AA_VALIDATION, table)
    verdict = run_suite(aa_validation_suite(), warehouse.path)
    states = {result.check_name: result.status for result in verdict.results}
    assert states == {
        "columns": "passed",
        "false_positive_rate_not_too_high": statuses[0],
        "false_positive_rate_not_too_low": statuses[1],
        "rates_are_whole": "passed",
    }
