"""The page of an experiment: one self-contained HTML page.

Here belong the page as a whole and the call of the template. Here do not belong its
tables (``experiment_tables``) nor where the page is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dagster_project.reports.experiment_charts import (
    effect_chart,
    forest_chart,
    power_chart,
    ratio_chart,
)
from dagster_project.reports.experiment_company import Company, company_of
from dagster_project.reports.experiment_data import ExperimentData
from dagster_project.reports.experiment_listings import (
    DECIDES,
    VERDICTS,
    CheckRow,
    MetricRow,
    SliceTable,
    check_rows,
    latest,
    metric_rows,
    percent,
    slice_tables,
    tone_of,
)
from dagster_project.reports.experiment_spread import (
    Spread,
    spreads,
    variant_colours,
)
from dagster_project.reports.formatting import format_instant, format_whole, plural

# Each chart is 20 KB: what is not shown is in the table.
MAX_PANELS: Final = 6
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
class Panel:
    """A chart with its heading and a line of words."""

    label: str
    last: str
    chart: Markup
    words: str


@dataclass(frozen=True)
class Wide:
    """One chart in two widths."""

    wide: Markup
    narrow: Markup


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
    power, power_words = _power(data)
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
        forest=_forest(rows),
        panels=tuple(_panels(data, rows)),
        spreads=tuple(spreads(data)),
        variants=variant_colours(data),
        ratio=_ratio(data),
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


def _forest(rows: pd.DataFrame) -> Wide | None:
    shown = rows[rows["lift"].notna()].head(24)
    if shown.empty:
        return None
    several = shown["treatment"].nunique() > 1
    better = shown["direction"].eq("down").map({True: -1.0, False: 1.0})
    frame = pd.DataFrame(
        {
            "label": shown["metric_label"]
            + (", " + shown["treatment"] if several else ""),
            "lift": shown["sequential_lift"].fillna(shown["lift"]),
            "lower": shown["sequential_lift_lower"],
            "upper": shown["sequential_lift_upper"],
            "margin": -shown["margin"].where(shown["role"] == "guardrail") * better,
            "tone": [tone_of(row) for row in shown.to_dict("records")],
        }
    ).reset_index(drop=True)
    words = "Lifts of all metrics with their sequential intervals"
    return Wide(
        forest_chart(frame, width=1000, name="forest-wide", alt_text=words),
        forest_chart(frame, width=380, name="forest-narrow", alt_text=words),
    )


def _panels(data: ExperimentData, rows: pd.DataFrame) -> list[Panel]:
    decisive = rows[rows["role"].isin(DECIDES) & rows["lift"].notna()]
    several = rows["treatment"].nunique() > 1
    panels = []
    for place, row in enumerate(decisive.head(MAX_PANELS).to_dict("records")):
        looks = _course(data, row)
        guard = row["role"] == "guardrail" and pd.notna(row["margin"])
        sign = 1.0 if row["direction"] == "down" else -1.0
        label = str(row["metric_label"])
        label += f", {row['treatment']}" if several else ""
        chart = effect_chart(
            looks,
            margin=float(row["margin"]) * sign if guard else None,
            name=f"effect-{place}",
            alt_text=f"Lift of {label} by day",
        )
        words = f"{str(row['role']).capitalize()}; {plural(len(looks), 'day')}"
        panels.append(Panel(label, percent(row["lift"]), chart, words))
    return panels


def _course(data: ExperimentData, row: Mapping[Any, Any]) -> pd.DataFrame:
    results = data.results
    same = (results["view"] == "closed") & (results["dimension"] == "all")
    for name in ("metric_name", "treatment", "is_capped"):
        same &= results[name] == row[name]
    looks = results[same & results["lift"].notna()].sort_values("day_number")
    return pd.DataFrame(
        {
            "day": looks["day_date"],
            "lift": looks["lift"],
            "lower": looks["sequential_lift_lower"],
            "upper": looks["sequential_lift_upper"],
            "always_lower": looks["always_valid_lift_lower"],
            "always_upper": looks["always_valid_lift_upper"],
        }
    ).reset_index(drop=True)


def _ratio(data: ExperimentData) -> Wide | None:
    names = {"sample_ratio": "fixed", "sample_ratio_sequential": "sequential"}
    rows = data.quality
    rows = rows[(rows["dimension"] == "all") & rows["check_name"].isin(names)]
    rows = rows[rows["value"].notna()].sort_values(["check_name", "day_date"])
    if rows["day_date"].nunique() < 2:
        return None
    frame = pd.DataFrame(
        {
            "day": rows["day_date"],
            "test": rows["check_name"].map(names),
            "p_value": rows["value"],
        }
    )
    limit = float(rows["limit_value"].iloc[0])
    words = "p-values of the sample-ratio tests by day"
    return Wide(
        *(
            ratio_chart(frame, limit=limit, width=w, name=f"ratio-{w}", alt_text=words)
            for w in (520, 380)
        )
    )


def _power(data: ExperimentData) -> tuple[Wide | None, str]:
    if data.power.empty:
        return None, ""
    first = data.power["treatment"].iloc[0]
    curve = data.power[data.power["treatment"] == first]
    rows = latest(data)
    row = rows[(rows["treatment"] == first) & (rows["role"] == "success")].iloc[0]
    mde, power = float(row["mde"]), float(str(data.definition.get("power") or 0.8))
    now = curve[curve["units"] == "now"]
    at = now.iloc[(now["lift"] - mde).abs().argmin()]["power"]
    words = (
        f"{row['metric_label']}: a lift of {mde * 100:g} % would now be found with a "
        f"chance of {at * 100:.0f} %; {power * 100:.0f} % are planned."
    )
    return Wide(
        *(
            power_chart(
                curve,
                mde=mde,
                power=power,
                width=w,
                name=f"power-{w}",
                alt_text="Chance to find a lift, by its size",
            )
            for w in (520, 380)
        )
    ), words
