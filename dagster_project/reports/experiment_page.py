"""The page of an experiment: one self-contained HTML page.

Here belong the page as a whole and the call of the template. Here do not belong its
tables (``experiment_listings``), its charts (``experiment_figures``,
``experiment_spread``) nor where the page is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from dagster_project.reports.experiment_company import Company, company_of
from dagster_project.reports.experiment_data import ExperimentData
from dagster_project.reports.experiment_figures import (
    Panel,
    Wide,
    forest_of,
    panels_of,
    power_of,
    ratio_of,
)
from dagster_project.reports.experiment_listings import (
    VERDICTS,
    CheckRow,
    MetricRow,
    SliceTable,
    check_rows,
    latest,
    metric_rows,
    slice_tables,
)
from dagster_project.reports.experiment_spread import (
    Spread,
    spreads,
    variant_colours,
)
from dagster_project.reports.formatting import format_instant, format_whole, plural

TERMS: Final = (
    (
        "Lift",
        "How much more of the metric a unit of the treatment has than one of the "
        "control, as a share of the control's level.",
    ),
    (
        "Sequential interval",
        "Where the true lift lies at the chosen confidence, although results are read "
        "every day: early looks need much more evidence than the last one. Decisions "
        "use it until the plan is complete.",
    ),
    (
        "Always-valid interval",
        "Holds at every look however long the experiment runs, also after the plan; "
        "wider than the sequential one at its end.",
    ),
    (
        "Success metric",
        "A reason to ship: at least one has to be better than the control.",
    ),
    (
        "Guardrail",
        "Must be shown not to be worse by more than its margin, the tick in the chart. "
        "An unclear result is not enough.",
    ),
    ("Deterioration", "Must not become worse; an unclear result is enough."),
    (
        "Matured share",
        "Units whose whole window is over, as a share of the planned ones. Only these "
        "units are counted in decisions.",
    ),
    (
        "Sample ratio",
        "Do units arrive in the declared shares? If not, units are lost or counted "
        "twice, and no effect can be trusted.",
    ),
    (
        "Power",
        "The chance that an effect of a given size is found, if it is there.",
    ),
    (
        "Chance to beat",
        "Probability that the treatment is better, given the data alone. Not a rule to "
        "stop by: looked at daily, 95 % is reached by luck far too often.",
    ),
)


@dataclass(frozen=True)
class Told:
    """A verdict on one treatment: ``tone`` colours it."""

    treatment: str
    tone: str
    verdict: str
    sentence: str


@dataclass(frozen=True)
class Page:
    """Everything the template writes."""

    product_name: str
    run_id: str
    label: str
    status: str
    hypothesis: str
    facts: tuple[tuple[str, str], ...]
    complete_through: str
    zone: str
    confidence: str
    told: tuple[Told, ...]
    progress: float | None
    progress_words: str
    forest: Wide | None
    panels: tuple[Panel, ...]
    spreads: tuple[Spread, ...]
    variants: tuple[tuple[str, str], ...]
    ratio: Wide | None
    power: Wide | None
    power_words: str
    metrics: tuple[MetricRow, ...]
    several_treatments: bool
    slices: tuple[SliceTable, ...]
    company: Company
    checks: tuple[CheckRow, ...]
    failed_checks: int
    terms: tuple[tuple[str, str], ...]


def render_experiment(data: ExperimentData) -> str:
    """Write the page of an experiment, which needs no network and no script.

    The same data gives the same page, byte for byte; without any result it says so.
    """
    environment = Environment(
        loader=PackageLoader("dagster_project.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("experiment.html.j2").render(
        page=experiment_page(data)
    )


def experiment_page(data: ExperimentData) -> Page:
    """The view model of the page."""
    checks = check_rows(data)
    rows = latest(data)
    progress, words = _progress(data)
    power, power_words = power_of(data)
    confidence = data.definition.get("confidence")
    return Page(
        product_name=data.product_name,
        run_id=data.generated_for,
        label=_text(data, "label") or data.name,
        status=_text(data, "status"),
        hypothesis=_text(data, "hypothesis"),
        facts=tuple(_facts(data)),
        complete_through=format_instant(data.as_of, data.zone),
        zone=data.reporting_timezone,
        confidence=f"{float(str(confidence)) * 100:g} %",
        told=tuple(_told(data)),
        progress=progress,
        progress_words=words,
        forest=forest_of(rows),
        panels=tuple(panels_of(data, rows)),
        spreads=tuple(spreads(data)),
        variants=variant_colours(data),
        ratio=ratio_of(data),
        power=power,
        power_words=power_words,
        metrics=tuple(metric_rows(rows)),
        several_treatments=rows["treatment"].nunique() > 1,
        slices=tuple(slice_tables(data)),
        company=company_of(data),
        checks=tuple(checks),
        failed_checks=sum(row.tone != "passed" for row in checks),
        terms=TERMS,
    )


def _text(data: ExperimentData, name: str) -> str:
    value = data.definition.get(name)
    return value.strip() if isinstance(value, str) else ""


def _facts(data: ExperimentData) -> list[tuple[str, str]]:
    start, end = (_day(data.definition.get(n)) for n in ("start_date", "end_date"))
    dates = f"{start or 'not started'} to {end}" if end else f"since {start}"
    facts = [
        ("Status", _text(data, "status")),
        ("Owner", _text(data, "owner")),
        ("Unit", _text(data, "unit")),
        ("Dates", dates if start else "not started"),
        ("Template", _text(data, "template").replace("_", " ")),
    ]
    return [(name, value) for name, value in facts if value]


def _day(value: object) -> str:
    stamp = pd.NaT if value is None else pd.Timestamp(str(value))
    return "" if stamp is pd.NaT else f"{stamp.day} {stamp:%b %Y}"


def _latest_decisions(data: ExperimentData) -> pd.DataFrame:
    rows = data.decisions
    last: pd.DataFrame = rows[rows["day_number"] == rows["day_number"].max()]
    return last


def _told(data: ExperimentData) -> list[Told]:
    return [
        Told(
            str(row["treatment"]), *VERDICTS[str(row["verdict"])], str(row["sentence"])
        )
        for row in _latest_decisions(data).to_dict("records")
    ]


def _progress(data: ExperimentData) -> tuple[float | None, str]:
    rows = _latest_decisions(data)
    if rows.empty:
        return None, "No unit's window has closed yet."
    row = rows.iloc[0]
    looks = plural(int(row["looks"]), "look")
    units = format_whole(row["matured_units"])
    if pd.isna(row["information"]):
        return None, f"{units} units have matured; no sample size is planned."
    planned = format_whole(float(str(data.definition.get("planned_units") or "nan")))
    words = f"{units} of {planned} planned units have matured, {looks} taken"
    if row["information"] < 1 and pd.notna(row["missing_days"]):
        days = plural(int(row["missing_days"]), "more day")
        words += f"; at last week's pace {days}"
    return float(min(row["information"], 1.0)) * 100, f"{words}."
