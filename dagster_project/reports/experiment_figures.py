"""The charts of effects, sample ratio and power, as the page of an experiment has them.

Here belongs which rows a chart shows, and its words. Here do not belong how a chart is
drawn (``experiment_charts``) nor how units differ (``experiment_spread``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from dagster_project.reports.experiment_charts import (
    effect_chart,
    forest_chart,
    power_chart,
    ratio_chart,
)
from dagster_project.reports.experiment_data import ExperimentData
from dagster_project.reports.experiment_listings import (
    DECIDES,
    latest,
    percent,
    tone_of,
)
from dagster_project.reports.formatting import plural

# Each chart is 20 KB: what is not shown is in the table.
MAX_PANELS: Final = 6


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


def forest_of(rows: pd.DataFrame) -> Wide | None:
    """Lifts of all metrics at the last look, ``rows``, or none without any."""
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


def panels_of(data: ExperimentData, rows: pd.DataFrame) -> list[Panel]:
    """The course of each metric that decides; ``rows`` are those of the last look."""
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


def ratio_of(data: ExperimentData) -> Wide | None:
    """The sample-ratio tests by day, or none before the second."""
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


def power_of(data: ExperimentData) -> tuple[Wide | None, str]:
    """The chance to find a lift by its size, and the same in words."""
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
