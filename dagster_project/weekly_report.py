"""Writes the weekly report: frames from the warehouse in, an HTML file out."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dagster_project import figures
from dagster_project.reports.report_data import ReportData
from dagster_project.reports.weekly import render_weekly
from dagster_project.settings import Settings
from dagster_project.warehouse import Warehouse

LATEST = "weekly.html"


@dataclass(frozen=True)
class WrittenReport:
    """The dated file; `weekly.html` beside it is always the newest."""

    path: Path
    bytes: int


def write_weekly(
    warehouse: Warehouse, settings: Settings, *, run_id: str, checks: pd.DataFrame
) -> WrittenReport:
    """Render the report as the warehouse stands; `checks` are the run's results."""
    mark = figures.watermark(warehouse)
    page = render_weekly(
        ReportData(
            as_of=mark.as_of,
            reporting_timezone=settings.reporting_timezone,
            generated_for=run_id,
            product_name=settings.product_name,
            checks=checks,
            **figures.report_frames(warehouse),
        )
    )
    settings.reports.mkdir(parents=True, exist_ok=True)
    day = mark.last_day.isoformat() if mark.last_day else "without-data"
    path = settings.reports / f"weekly-{day}.html"
    _write(path, page)
    _replace_copy(path, settings.reports / LATEST)
    return WrittenReport(path, path.stat().st_size)


def _write(path: Path, text: str) -> None:
    aside = path.with_suffix(".tmp")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def _replace_copy(source: Path, target: Path) -> None:
    aside = target.with_suffix(".tmp")
    shutil.copyfile(source, aside)
    aside.replace(target)
