"""Charts as inline SVG.

Here belong the look of charts and their drawing from small frames. Here does not
belong the choice of what to draw.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final
from xml.sax.saxutils import quoteattr

import altair as alt
import numpy as np
import pandas as pd
import vl_convert
from markupsafe import Markup

from dagster_project.reports.formatting import Unit, axis_format

FONT: Final = (
    "Inter, 'Segoe UI', 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
)
INK, MUTED, GRID = "#1d2433", "#667085", "#ece8e1"
SERIES, FORECAST, ALERT = "#2b5c8f", "#d9632a", "#b3372f"
ACTIVE_COLOURS: Final = {"Monthly": "#9db8d2", "Weekly": "#5b8bb8", "Daily": "#1f4568"}

_CONFIG: Final[dict[str, Any]] = {
    "aria": False,
    "background": "transparent",
    # Equal outer sizes, so that small multiples stand in line.
    "autosize": {"type": "fit", "contains": "padding"},
    "padding": {"left": 0, "right": 2, "top": 6, "bottom": 4},
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "labelFontSize": 11,
        "domain": False,
        "ticks": False,
        "grid": False,
        "labelPadding": 6,
        "title": None,
    },
    "axisY": {"grid": True, "gridColor": GRID, "tickCount": 4},
    "axisX": {
        "format": "%-d %b",
        "tickCount": 4,
        "labelFlush": True,
        "labelOverlap": True,
    },
}


def trend_chart(
    history: pd.DataFrame,
    forecast: pd.DataFrame,
    unusual: pd.DataFrame,
    spans: pd.DataFrame,
    *,
    unit: Unit,
    name: str,
    alt_text: str,
) -> Markup:
    """Daily values with the forecast fan and unusual days.

    ``history``: day, value (null leaves a gap); ``forecast``: day, mean, lower_80,
    upper_80, lower_95, upper_95; ``unusual``: day, value, marked by a ring;
    ``spans``: first, last, shaded. All but the history may be empty. ``name`` makes
    the identifiers inside the SVG unique on a page.
    """
    largest = _largest([history["value"], forecast["upper_95"], forecast["mean"]])
    axis = axis_format(unit, largest)
    history, forecast, unusual = (
        frame.set_index("day").mul(axis.factor).reset_index()
        for frame in (history, forecast, unusual)
    )
    from_zero = _smallest(history["value"]) < 0.6 * largest * axis.factor
    scale = alt.Scale(zero=bool(from_zero), nice=True)
    y_axis = alt.Axis(labelExpr=axis.label, title=None)
    day = alt.X("day:T", axis=alt.Axis(title=None))
    layers: list[alt.Chart] = [
        alt.Chart(history)
        .mark_line(color=SERIES, strokeWidth=1.6, strokeJoin="round")
        .encode(x=day, y=alt.Y("value:Q", axis=y_axis, scale=scale))
    ]
    if len(forecast):
        layers = [*_fan(forecast, day, y_axis, scale), *layers]
    if len(spans):
        shade = alt.Chart(spans).mark_rect(color=ALERT, opacity=0.08)
        layers = [
            shade.encode(x=alt.X("first:T", axis=alt.Axis(title=None)), x2="last:T"),
            *layers,
        ]
    if len(unusual):
        layers.append(
            alt.Chart(unusual)
            .mark_point(
                filled=False, stroke=ALERT, fill="#ffffff", size=46, strokeWidth=1.8
            )
            .encode(x=day, y=alt.Y("value:Q", axis=y_axis, scale=scale))
        )
    chart = alt.layer(*layers).properties(width=360, height=160)
    return to_svg(chart, name=name, alt_text=alt_text)


def _fan(
    forecast: pd.DataFrame, day: alt.X, y_axis: alt.Axis, scale: alt.Scale
) -> list[alt.Chart]:
    base = alt.Chart(forecast)
    bands = [
        base.mark_area(color=FORECAST, opacity=opacity).encode(
            x=day,
            y=alt.Y(f"lower_{level}:Q", axis=y_axis, scale=scale),
            y2=f"upper_{level}:Q",
        )
        for level, opacity in ((95, 0.14), (80, 0.2))
    ]
    mean = base.mark_line(color=FORECAST, strokeWidth=1.6, strokeDash=[4, 3]).encode(
        x=day, y=alt.Y("mean:Q", axis=y_axis, scale=scale)
    )
    return [*bands, mean]


def active_persons_chart(
    active: pd.DataFrame, *, width: int, name: str, alt_text: str
) -> Markup:
    """Daily, weekly and monthly active persons, each line named at its end.

    ``active``: day, window (one of the keys of ``ACTIVE_COLOURS``), persons.
    """
    largest = _largest([active["persons"]])
    colour = alt.Color(
        "window:N",
        scale=alt.Scale(
            domain=list(ACTIVE_COLOURS), range=list(ACTIVE_COLOURS.values())
        ),
        legend=None,
    )
    day = alt.X("day:T", axis=alt.Axis(title=None))
    persons = alt.Y(
        "persons:Q",
        axis=alt.Axis(labelExpr=axis_format(Unit("count"), largest).label, title=None),
    )
    lines = (
        alt.Chart(active)
        .mark_line(strokeWidth=2, strokeJoin="round")
        .encode(x=day, y=persons, color=colour)
    )
    last = active.dropna(subset=["persons"]).sort_values("day")
    names = (
        alt.Chart(last.groupby("window", as_index=False).last())
        .mark_text(align="left", dx=6, fontSize=12, fontWeight=600, color=INK)
        .encode(x=day, y=persons, text="window:N")
    )
    chart = alt.layer(lines, names).properties(width=width, height=250)
    return to_svg(chart, name=name, alt_text=alt_text)


def sparkline(values: Sequence[float | None], *, alt_text: str) -> Markup:
    """A line of the last weeks without axes; gaps stay gaps, the last is dotted."""
    width, height, margin = 132.0, 38.0, 5.0
    numbers = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    known = np.flatnonzero(np.isfinite(numbers))
    if len(known) == 0:
        return Markup("")
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    spread = high - low or 1.0
    xs = margin + np.arange(len(numbers)) * (width - 2 * margin) / max(
        len(numbers) - 1, 1
    )
    middle = high == low
    ys = (
        height - margin - (numbers - low) / spread * (height - 2 * margin)
        if not middle
        else np.where(np.isfinite(numbers), height / 2, np.nan)
    )
    runs = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)
    path = "".join(
        "M" + "L".join(f"{xs[point]:.1f},{ys[point]:.1f}" for point in run)
        for run in runs
    )
    end = known[-1]
    return Markup(
        f'<svg class="sparkline" role="img" aria-label={quoteattr(alt_text)} '
        f'viewBox="0 0 {width:.0f} {height:.0f}">'
        f'<path d="{path}" fill="none" stroke="{SERIES}" stroke-width="1.8" '
        f'stroke-linecap="round" stroke-linejoin="round"/>'
        f'<circle cx="{xs[end]:.1f}" cy="{ys[end]:.1f}" r="3" fill="{FORECAST}"/>'
        "</svg>"
    )


def _largest(columns: Sequence[pd.Series]) -> float:
    values = pd.concat([column.astype("float64") for column in columns]).abs().max()
    return 1.0 if pd.isna(values) or values == 0 else float(values)


def _smallest(values: pd.Series) -> float:
    smallest = values.min()
    return 0.0 if pd.isna(smallest) else float(smallest)


def to_svg(
    chart: alt.LayerChart | alt.FacetChart, *, name: str, alt_text: str
) -> Markup:
    """Draw without a browser; the result scales with its column and has a name."""
    # Validated by the tests; here it would be half of the drawing time.
    spec = chart.configure(**_CONFIG).to_dict(validate=False)
    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    svg: str = vl_convert.vegalite_to_svg(spec, vl_version=version)
    width, height = re.findall(r'\b(?:width|height)="([\d.]+)"', svg)[:2]
    body = svg[svg.index(">") + 1 :]
    # Every chart numbers its clip paths from 0; on one page they would collide.
    body = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    return Markup(
        f'<svg role="img" aria-label={quoteattr(alt_text)} '
        f'viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">{body}'
    )
