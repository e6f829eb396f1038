"""Charts: well-formed, named, apart from one another, honest about gaps."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import altair as alt
import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup

from dagster_project.reports.charts import (
    active_persons_chart,
    sparkline,
    trend_chart,
)
from dagster_project.reports.formatting import Unit

DAYS = pd.date_range("2025-03-01", periods=60)
FORECAST = pd.DataFrame(
    {
        "day": pd.date_range("2025-04-30", periods=14),
        "mean": 50.0,
        "lower_80": 40.0,
        "upper_80": 60.0,
        "lower_95": 30.0,
        "upper_95": 70.0,
    }
)


def _trend(name: str = "a", **changes: Any) -> Markup:
    history = pd.DataFrame(
        {"day": DAYS, "value": 50 + 10 * np.sin(np.arange(len(DAYS)))}
    )
    parts: dict[str, Any] = {
        "history": history,
        "forecast": FORECAST,
        "unusual": history.iloc[[20]],
        "spans": pd.DataFrame({"first": [DAYS[18]], "last": [DAYS[22]]}),
        "unit": Unit.of("USD"),
        "alt_text": 'Revenue <"& daily',
    }
    return trend_chart(**(parts | changes), name=name)


@pytest.fixture
def _validated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check every chart against the Vega-Lite schema."""
    original = alt.LayerChart.to_dict

    def to_dict(chart: alt.LayerChart, validate: bool = True, **rest: Any) -> Any:
        return original(chart, validate=True, **rest)

    monkeypatch.setattr(alt.LayerChart, "to_dict", to_dict)


@pytest.mark.usefixtures("_validated")
def test_charts_are_valid_well_formed_and_named() -> None:
    active = pd.DataFrame({"day": DAYS, "window": "Daily", "persons": np.arange(60.0)})
    for chart in (
        _trend(),
        active_persons_chart(active, width=360, name="b", alt_text="x"),
    ):
        root = ElementTree.fromstring(chart)
        assert root.get("role") == "img"
        assert root.get("viewBox")
        assert root.get("aria-label")
        assert "http" not in chart.replace("http://www.w3.org/", "")
    assert ElementTree.fromstring(_trend()).get("aria-label") == 'Revenue <"& daily'


@pytest.mark.parametrize("empty", ["forecast", "unusual", "spans"])
def test_every_part_but_the_history_may_be_empty(empty: str) -> None:
    frames = {
        "forecast": FORECAST,
        "unusual": pd.DataFrame({"day": DAYS[:1], "value": [50.0]}),
        "spans": pd.DataFrame({"first": DAYS[:1], "last": DAYS[2:3]}),
    }
    chart = _trend(**{empty: frames[empty].head(0)})
    assert len(chart) < len(_trend())


def test_a_forecast_without_a_range_is_drawn_as_a_line() -> None:
    bounds = ["lower_80", "upper_80", "lower_95", "upper_95"]
    chart = _trend(forecast=FORECAST.assign(**dict.fromkeys(bounds, np.nan)))
    assert "NaN" not in chart


def test_all_zero_and_constant_values_are_drawn() -> None:
    for value in (0.0, 5.0):
        history = pd.DataFrame({"day": DAYS, "value": value})
        assert "NaN" not in _trend(history=history, forecast=FORECAST.head(0))


def test_identifiers_do_not_collide_and_the_rest_is_the_same() -> None:
    first, second = _trend("one"), _trend("two")
    ids = [set(re.findall(r'\bid="([^"]+)"', chart)) for chart in (first, second)]
    assert ids[0].isdisjoint(ids[1])
    used = set(re.findall(r"url\(#([^)]+)\)", first))
    assert used <= ids[0]
    assert first.replace("one-", "two-") == second


def test_sparkline_leaves_gaps_and_ends_on_the_last_known_week() -> None:
    svg = sparkline([1.0, 2.0, None, 4.0, 3.0, None], alt_text="a < b")
    root = ElementTree.fromstring(svg)
    path = root.find("path")
    assert path is not None
    assert path.get("d", "").count("M") == 2
    assert root.get("aria-label") == "a < b"
    (circle,) = root.findall("circle")
    last_point = path.get("d", "").split("L")[-1].split(",")
    assert [circle.get("cx"), circle.get("cy")] == last_point


def test_sparkline_of_nothing_is_nothing_and_of_a_constant_is_level() -> None:
    assert sparkline([None, None], alt_text="") == ""
    path = ElementTree.fromstring(sparkline([5.0, 5.0], alt_text="x")).find("path")
    assert path is not None
    heights = re.findall(r",([\d.]+)", path.get("d", ""))
    assert len(set(heights)) == 1
