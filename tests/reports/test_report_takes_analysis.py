"""What the analysis makes is what the report takes."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pandas as pd

from dagster_project.analysis.anomalies import detect_anomalies
from dagster_project.analysis.forecast_scoring import (
    forecast_accuracy,
    score_forecasts,
)
from dagster_project.analysis.forecasting import forecast
from dagster_project.reports.report_data import ReportData
from dagster_project.reports.weekly import render_weekly, weekly_page

LAST_DAY = date(2025, 6, 10)


def test_forecasts_scores_and_incidents_are_rendered(report_data: ReportData) -> None:
    days = report_data.metrics[report_data.metrics["period"] == "day"]
    history = days.rename(columns={"period_start": "date"})
    past = forecast(history, origin_date=date(2025, 5, 20), horizon_days=14)
    scored = score_forecasts(past, history, as_of_date=LAST_DAY)
    data = replace(
        report_data,
        forecasts=forecast(history, origin_date=LAST_DAY, horizon_days=30),
        forecast_accuracy=forecast_accuracy(scored),
        anomalies=detect_anomalies(history, as_of_date=LAST_DAY),
    )
    page = weekly_page(data)
    titles = {incident.title for incident in page.open_incidents.shown}
    assert "Page load, p95 higher than usual" in titles
    assert page.accuracy
    assert all("In 7 days" in panel.outlook for panel in page.panels)
    assert not re.search(r"\bnan\b", render_weekly(data), re.IGNORECASE)


def test_empty_results_are_rendered(first_night: ReportData) -> None:
    columns = ["metric_name", "dimension", "dimension_value", "date", "value"]
    history = pd.DataFrame(columns=[*columns, "is_complete"])
    empty = forecast(history, origin_date=LAST_DAY, horizon_days=7)
    scored = score_forecasts(empty, history, as_of_date=LAST_DAY)
    data = replace(
        first_night,
        forecasts=empty,
        forecast_accuracy=forecast_accuracy(scored),
        anomalies=detect_anomalies(history, as_of_date=LAST_DAY),
    )
    assert "No forecast has matured yet" in render_weekly(data)
