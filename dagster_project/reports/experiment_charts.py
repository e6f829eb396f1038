"""Charts of an experiment as inline SVG.

Here belong the forest of effects, an effect over time, sample-ratio tests over time and
the power curve. Lifts, bounds and shares come in as shares and are drawn in per cent.
"""

from __future__ import annotations

from typing import Final

import altair as alt
import numpy as np
import pandas as pd
from markupsafe import Markup

from dagster_project.reports.charts import (
    ALERT,
    FORECAST,
    INK,
    MUTED,
    SERIES,
    to_svg,
)

TONES: Final = {"good": "#2f8a5b", "bad": ALERT, "plain": SERIES}
_PER_CENT: Final = "datum.value == 0 ? '0%' : format(datum.value, '+.3~p')"
_SHARE: Final = "format(datum.value, '.0~%')"
# What lies further out is cut, so that one wide interval leaves the others readable.
_WIDEST: Final = 6.0


def forest_chart(rows: pd.DataFrame, *, width: int, name: str, alt_text: str) -> Markup:
    """Lifts with their intervals, one line per row, the first on top.

    ``rows``: label, lift, lower, upper (null: not known), margin (a tick; null: none),
    tone (a key of ``TONES``). Intervals that are unbounded or beyond the frame run to
    its edge.
    """
    reach = _reach(rows)
    drawn = rows.assign(
        low=rows["lower"].fillna(-reach).clip(-reach, reach),
        high=rows["upper"].fillna(reach).clip(-reach, reach),
        order=np.arange(len(rows)),
    )
    drawn = drawn[drawn["lift"].notna() & drawn["lift"].abs().le(reach)]
    known = drawn[drawn["lower"].notna() & drawn["upper"].notna()]
    label = alt.Y(
        "label:N",
        sort=list(rows["label"]),
        axis=alt.Axis(
            title=None, grid=False, labelLimit=int(width * 0.36), labelFontSize=12
        ),
        scale=alt.Scale(domain=list(rows["label"])),
    )
    scale = alt.Scale(domain=[-reach, reach], nice=False)
    axis = alt.Axis(
        labelExpr=_PER_CENT,
        title=None,
        grid=True,
        gridColor="#ece8e1",
        tickCount=6 if width > 600 else 4,
    )
    axis.format = ""
    colour = alt.Color(
        "tone:N",
        scale=alt.Scale(domain=list(TONES), range=list(TONES.values())),
        legend=None,
    )
    zero = (
        alt.Chart(pd.DataFrame({"at": [0.0]}))
        .mark_rule(color=MUTED, strokeWidth=1)
        .encode(x=alt.X("at:Q", scale=scale, axis=axis))
    )
    lines = (
        alt.Chart(known)
        .mark_rule(strokeWidth=3, strokeCap="round")
        .encode(
            x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", y=label, color=colour
        )
    )
    points = (
        alt.Chart(drawn)
        .mark_point(filled=True, size=70, opacity=1)
        .encode(x=alt.X("lift:Q", scale=scale, axis=axis), y=label, color=colour)
    )
    layers = [zero, lines, points]
    margins = rows[rows["margin"].notna()]
    if len(margins):
        layers.append(
            alt.Chart(margins)
            .mark_tick(color=FORECAST, thickness=2, size=18)
            .encode(x=alt.X("margin:Q", scale=scale, axis=axis), y=label)
        )
    chart = alt.layer(*layers).properties(width=width, height=54 + 30 * len(rows))
    return to_svg(chart, name=name, alt_text=alt_text)


def _reach(rows: pd.DataFrame) -> float:
    """How far the axis goes either way: the usual interval, not the widest."""
    bounds = rows[["lower", "upper"]].abs().max(axis=1).dropna()
    marks = rows[["lift", "margin"]].abs().max(axis=1).dropna()
    usual = float(bounds.median()) * 2.5 if len(bounds) else 0.1
    widest = float(bounds.max()) if len(bounds) else 0.1
    points = float(marks.median()) if len(marks) else 0.05
    return float(min(max(min(usual, widest), points, 0.02) * 1.1, _WIDEST))


def effect_chart(
    looks: pd.DataFrame, *, margin: float | None, name: str, alt_text: str
) -> Markup:
    """A lift by day, with the sequential and the always-valid interval.

    ``looks``: day, lift, lower, upper (sequential), always_lower, always_upper;
    ``margin`` is drawn as a line. The frame follows the later looks: early intervals
    are cut.
    """
    reach = _course_reach(looks, margin)
    drawn = looks.copy()
    for low, high in (("lower", "upper"), ("always_lower", "always_upper")):
        known = drawn[low].notna() & drawn[high].notna()
        drawn[low] = drawn[low].clip(-reach, reach).where(known)
        drawn[high] = drawn[high].clip(-reach, reach).where(known)
    drawn["shown"] = drawn["lift"].where(drawn["lift"].abs() <= reach)
    scale = alt.Scale(domain=[-reach, reach], nice=False)
    axis = alt.Axis(labelExpr=_PER_CENT, title=None)
    day = alt.X("day:T", axis=alt.Axis(title=None, format="%-d %b"))
    base = alt.Chart(drawn)
    bands = [
        base.mark_area(color=colour, opacity=opacity).encode(
            x=day, y=alt.Y(f"{low}:Q", scale=scale, axis=axis), y2=f"{high}:Q"
        )
        for low, high, colour, opacity in (
            ("always_lower", "always_upper", FORECAST, 0.16),
            ("lower", "upper", SERIES, 0.24),
        )
    ]
    rules = [(0.0, MUTED, [1, 0])]
    if margin is not None:
        rules.append((margin, ALERT, [4, 3]))
    lines = [
        alt.Chart(pd.DataFrame({"at": [at]}))
        .mark_rule(color=colour, strokeDash=dash, strokeWidth=1)
        .encode(y=alt.Y("at:Q", scale=scale, axis=axis))
        for at, colour, dash in rules
    ]
    course = base.mark_line(color=SERIES, strokeWidth=1.8, strokeJoin="round").encode(
        x=day, y=alt.Y("shown:Q", scale=scale, axis=axis)
    )
    end = alt.Chart(drawn.dropna(subset=["shown"]).tail(1)).mark_point(
        filled=True, color=SERIES, size=44, opacity=1
    )
    last = end.encode(x=day, y=alt.Y("shown:Q", scale=scale, axis=axis))
    chart = alt.layer(*bands, *lines, course, last).properties(width=360, height=190)
    return to_svg(chart, name=name, alt_text=alt_text)


def _course_reach(looks: pd.DataFrame, margin: float | None) -> float:
    late = looks.iloc[len(looks) // 3 :]
    bounds = late[["always_lower", "always_upper", "lower", "upper"]].abs()
    usual = float(bounds.max(axis=1).median()) * 1.3 if len(late) else np.nan
    usual = 0.1 if np.isnan(usual) else usual
    last = looks["lift"].abs().iloc[-1] if len(looks) else 0.0
    last = 0.0 if pd.isna(last) else float(last)
    return min(max(usual, last * 1.2, 1.2 * abs(margin or 0.0), 0.02), _WIDEST)


def ratio_chart(
    checks: pd.DataFrame, *, limit: float, width: int, name: str, alt_text: str
) -> Markup:
    """p-values of the sample-ratio tests by day on a log scale, with the alarm line.

    ``checks``: day, test (fixed or sequential), p_value.
    """
    floor = min(limit / 10, max(float(checks["p_value"].min()), 1e-12))
    drawn = checks.assign(shown=checks["p_value"].clip(lower=floor))
    scale = alt.Scale(type="log", domain=[floor, 1.0], nice=False)
    steps = np.arange(np.floor(np.log10(floor)), 1)
    axis = alt.Axis(
        title=None,
        values=list(10.0 ** steps[:: max(1, len(steps) // 5)]),
        labelExpr="datum.value < 0.001 ? format(datum.value, '.0e') : datum.value",
    )
    colour = alt.Color(
        "test:N",
        scale=alt.Scale(domain=["fixed", "sequential"], range=["#9db8d2", SERIES]),
        legend=None,
    )
    lines = (
        alt.Chart(drawn)
        .mark_line(strokeWidth=2, interpolate="step-after")
        .encode(
            x=alt.X("day:T", axis=alt.Axis(title=None, format="%-d %b")),
            y=alt.Y("shown:Q", scale=scale, axis=axis),
            color=colour,
        )
    )
    alarm = (
        alt.Chart(pd.DataFrame({"at": [limit]}))
        .mark_rule(color=ALERT, strokeDash=[4, 3], strokeWidth=1.4)
        .encode(y=alt.Y("at:Q", scale=scale, axis=axis))
    )
    chart = alt.layer(lines, alarm).properties(width=width, height=200)
    return to_svg(chart, name=name, alt_text=alt_text)


def power_chart(
    curve: pd.DataFrame,
    *,
    mde: float,
    power: float,
    width: int,
    name: str,
    alt_text: str,
) -> Markup:
    """Chance to find a lift, with the units so far and with those of the plan.

    ``curve``: lift, power, units (now or plan); the planned effect and power as lines.
    """
    colour = alt.Color(
        "units:N",
        scale=alt.Scale(domain=["now", "plan"], range=[SERIES, "#9db8d2"]),
        legend=None,
    )
    x_axis = alt.Axis(labelExpr=_PER_CENT, title=None, tickCount=6)
    x_axis.format = ""
    y = alt.Y(
        "power:Q",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(labelExpr=_SHARE, title=None, values=[0, 0.25, 0.5, 0.75, 1]),
    )
    x = alt.X("lift:Q", axis=x_axis, scale=alt.Scale(nice=False))
    lines = alt.Chart(curve).mark_line(strokeWidth=2).encode(x=x, y=y, color=colour)
    at_effect = (
        alt.Chart(pd.DataFrame({"lift": [mde]}))
        .mark_rule(color=INK, strokeDash=[2, 3], strokeWidth=1)
        .encode(x=x)
    )
    at_power = (
        alt.Chart(pd.DataFrame({"power": [power]}))
        .mark_rule(color=INK, strokeDash=[2, 3], strokeWidth=1)
        .encode(y=y)
    )
    chart = alt.layer(lines, at_effect, at_power).properties(width=width, height=200)
    return to_svg(chart, name=name, alt_text=alt_text)
