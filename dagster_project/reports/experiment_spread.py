"""How the units of each variant differ: a chart per success metric and guardrail.

Here belong the curves of totals, from percentiles that the warehouse makes, and the
bars of shares. Here does not belong whether variants differ by more than chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import altair as alt
import pandas as pd
from markupsafe import Markup

from dagster_project.reports.charts import FORECAST, INK, SERIES, to_svg
from dagster_project.reports.experiment_data import ExperimentData
from dagster_project.reports.experiment_listings import latest
from dagster_project.reports.formatting import Unit, axis_format, format_value

# The control first; more variants than colours begin anew.
COLOURS: Final = ("#8a94a6", SERIES, FORECAST, "#2f8a5b", "#7c5a86")
ROLES: Final = ("success", "guardrail")
# By kind of metric: what is counted, whose share the curve shows, and its last words.
KINDS: Final = {
    "mean": ("total of a unit", "units with more than", "has more than"),
    "ratio": ("ratio of a unit", "units with more than", "has more than"),
    "quantile": ("single amounts", "amounts of more than", "is more than"),
}
# The last few of 100 units would leave the others a corner of the frame.
_SHOWN_PERCENTILE: Final = 97
_TOP_PERCENTILE: Final = 90
_SHARE: Final = "format(datum.value, '.0~%')"


@dataclass(frozen=True)
class Spread:
    """A chart with its heading and a line of words."""

    label: str
    kind: str
    chart: Markup
    words: str


def variant_colours(data: ExperimentData) -> tuple[tuple[str, str], ...]:
    """Name and colour of each variant that a chart shows, the control first."""
    rows = latest(data)
    control = str(data.definition.get("control_variant") or "control")
    treatments = sorted(set(rows["treatment"].dropna()) - {control})
    names = [control, *treatments] if len(rows) else []
    return tuple(
        (name, COLOURS[place % len(COLOURS)]) for place, name in enumerate(names)
    )


def spreads(data: ExperimentData) -> list[Spread]:
    """A chart of each success metric and guardrail at the last closed look.

    Shares of units are bars. Totals and ratios of units, and single amounts of a
    quantile, are curves: how many of 100 are more than each value. A metric without
    units yet has none.
    """
    colours = dict(variant_colours(data))
    rows = latest(data)
    rows = rows[rows["role"].isin(ROLES)]
    found = []
    for place, (name, of_metric) in enumerate(rows.groupby("metric_name", sort=False)):
        row = of_metric.iloc[0].to_dict()
        curve = data.distribution[data.distribution["metric_name"] == name]
        if row["metric_kind"] == "proportion" and row["control_units"] > 0:
            found.append(_bars(of_metric, row, colours, f"spread-{place}"))
        elif len(curve):
            found.append(_curve(curve, row, colours, f"spread-{place}"))
    return found


def _bars(
    rows: pd.DataFrame, row: Mapping[Any, Any], colours: dict[str, str], name: str
) -> Spread:
    control = next(iter(colours))
    levels = [(control, row["control_level"])]
    levels += list(zip(rows["treatment"], rows["treatment_level"], strict=True))
    frame = pd.DataFrame(levels, columns=["variant", "level"])
    frame["told"] = [format_value(level, Unit("rate", "%")) for level in frame["level"]]
    label = str(row["metric_label"])
    chart = share_chart(
        frame, colours, name=name, alt_text=f"Share of units by variant: {label}"
    )
    words = ", ".join(
        f"{one} {told}" for one, told in frame[["variant", "told"]].values
    )
    return Spread(label, "share of units", chart, f"Units that did: {words}.")


def _curve(
    rows: pd.DataFrame, row: Mapping[Any, Any], colours: dict[str, str], name: str
) -> Spread:
    unit = Unit.of(row["metric_unit"], None)
    label = str(row["metric_label"])
    kind, counted, more = KINDS[str(row["metric_kind"])]
    chart = spread_chart(
        rows,
        colours,
        unit=unit,
        name=name,
        alt_text=f"Share of {counted} each value, by variant: {label}",
    )
    idle, top = [], []
    for variant in colours:
        own = rows[rows["variant"] == variant]
        if own.empty:
            continue
        without = int((own["unit_value"] <= 0).sum())
        idle.append(f"{variant} {without}%")
        at = own[own["percentile"] == _TOP_PERCENTILE]["unit_value"].iloc[0]
        top.append(f"{variant} {format_value(at, unit)}")
    words = f"One in ten {more}: {', '.join(top)}."
    if (rows["unit_value"] <= 0).any():
        less = " or less" if (rows["unit_value"] < 0).any() else ""
        words = f"Nothing{less}: {', '.join(idle)}. {words}"
    return Spread(label, kind, chart, words)


def spread_chart(
    rows: pd.DataFrame,
    colours: dict[str, str],
    *,
    unit: Unit,
    name: str,
    alt_text: str,
) -> Markup:
    """Share of units with more than each value, a step line per variant.

    ``rows``: variant, percentile, unit_value.
    """
    widest = rows.loc[rows["percentile"] == _SHOWN_PERCENTILE, "unit_value"].max()
    axis = axis_format(unit, float(widest))
    drawn = rows.groupby(["variant", "unit_value"], as_index=False)["percentile"].max()
    # Cut here and not by a clip, whose identifiers differ from page to page.
    drawn = drawn[drawn["unit_value"] <= widest]
    drawn = drawn.assign(
        above=1 - drawn["percentile"] / 100, at=drawn["unit_value"] * axis.factor
    )
    first = min(0.0, float(drawn["at"].min()))
    last = float(widest) * axis.factor
    x_axis = alt.Axis(labelExpr=axis.label, title=None, tickCount=5)
    x_axis.format = ""
    chart = (
        alt.Chart(drawn)
        .mark_line(strokeWidth=2, interpolate="step-after")
        .encode(
            x=alt.X(
                "at:Q",
                axis=x_axis,
                scale=alt.Scale(domain=[first, max(last, first + 1e-9)], nice=False),
            ),
            y=alt.Y(
                "above:Q",
                axis=alt.Axis(labelExpr=_SHARE, title=None),
                scale=alt.Scale(domainMin=0, nice=True),
            ),
            color=_colour(colours),
        )
        .properties(width=360, height=180)
    )
    return to_svg(chart, name=name, alt_text=alt_text)


def share_chart(
    levels: pd.DataFrame, colours: dict[str, str], *, name: str, alt_text: str
) -> Markup:
    """A bar per variant with its share. ``levels``: variant, level, told."""
    widest = float(levels["level"].max())
    axis = alt.Axis(labelExpr=_SHARE, title=None, tickCount=4, grid=False)
    axis.format = ""
    base = alt.Chart(levels).encode(
        y=alt.Y(
            "variant:N",
            sort=list(colours),
            axis=alt.Axis(title=None, grid=False, labelLimit=110, labelFontSize=12),
        ),
        x=alt.X(
            "level:Q",
            axis=axis,
            # Room for the figure behind the longest bar.
            scale=alt.Scale(domain=[0, max(widest * 1.22, 1e-6)], nice=False),
        ),
    )
    bars = base.mark_bar(height={"band": 0.55}).encode(color=_colour(colours))
    told = base.mark_text(align="left", dx=6, fontSize=12, color=INK).encode(
        text="told:N"
    )
    chart = alt.layer(bars, told).properties(width=360, height=180)
    return to_svg(chart, name=name, alt_text=alt_text)


def _colour(colours: dict[str, str]) -> alt.Color:
    return alt.Color(
        "variant:N",
        scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        legend=None,
    )
