"""The tables of an experiment's page: metrics, slices and checks in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from dagster_project.reports.experiment_data import ExperimentData
from dagster_project.reports.formatting import (
    DASH,
    MINUS,
    Unit,
    format_value,
    format_whole,
)
from dagster_project.reports.report_data import ReportData

ROLES: Final = ("success", "guardrail", "deterioration", "secondary")
DECIDES: Final = ROLES[:3]
VERDICTS: Final = {
    "ship": ("good", "Ship"),
    "do_not_ship": ("plain", "Do not ship"),
    "stop_harm": ("bad", "Stop"),
    "keep_running": ("warn", "Keep running"),
    "invalid": ("bad", "No decision"),
}
CHECKS: Final = {
    "sample_ratio": (
        "Sample ratio",
        "Do units arrive in the declared shares? The p-value of a chi-squared test of "
        "the last day.",
    ),
    "sample_ratio_sequential": (
        "Sample ratio, any day",
        "The same, read every day: once it alarms it stays.",
    ),
    "several_variants": (
        "Several variants",
        "Share of units that saw more than one variant; they are left out.",
    ),
    "unknown_variants": (
        "Unknown variants",
        "Units whose variant is not declared; they are left out.",
    ),
    "traffic_in_zero_arm": (
        "Traffic in an arm of 0 %",
        "Units in a variant that should get none.",
    ),
    "exposed_as_assigned": (
        "Exposed as assigned",
        "Share of units that saw another variant than they were assigned, by the "
        "function of Daybreak or by a service that lands its assignments.",
    ),
    "pre_period_balance": (
        "Equal pasts",
        "Were the arms alike before exposure? The smallest p-value of all metrics.",
    ),
}
REASONS: Final = {
    "empty_arm": "no units yet",
    "too_few_units": "too few units",
    "too_few_values": "too few values",
    "zero_denominator": "nothing to divide by",
    "zero_variance": "all units alike",
    "zero_baseline": "the control has none",
    "unbounded": "the control's level is too uncertain",
    "not_finite": "not computable",
    "no_information": "no look yet",
}


@dataclass(frozen=True)
class MetricRow:
    """One metric of one treatment in words; ``hint`` is a tooltip."""

    label: str
    role: str
    treatment: str
    control: str
    treated: str
    lift: str
    interval: str
    p_value: str
    chance: str
    state: str
    tone: str
    hint: str


@dataclass(frozen=True)
class SliceRow:
    """One value of a slice."""

    value: str
    units: str
    lift: str
    interval: str
    p_value: str
    tone: str


@dataclass(frozen=True)
class SliceTable:
    """A metric over the values of a slice, and whether they differ."""

    title: str
    words: str
    rows: tuple[SliceRow, ...]


@dataclass(frozen=True)
class CheckRow:
    """A check of the last day; ``tone`` passed, warned or failed."""

    label: str
    hint: str
    about: str
    value: str
    limit: str
    tone: str


@dataclass(frozen=True)
class ToldExperiment:
    """An experiment's last decision, and the page that shows it."""

    label: str
    page: str
    tone: str
    verdict: str
    sentence: str


def told_experiments(data: ReportData) -> list[ToldExperiment]:
    """The last decision on each treatment, for the weekly report."""
    return [
        ToldExperiment(
            str(row["label"]),
            f"experiment-{row['experiment_name']}.html",
            *VERDICTS[str(row["verdict"])],
            str(row["sentence"]),
        )
        for row in data.experiments.to_dict("records")
    ]


def latest(data: ExperimentData) -> pd.DataFrame:
    """Rows of the last closed look over all units that decide, success first.

    Where totals are cut at caps, those rows stand for the metric.
    """
    rows = data.results
    rows = rows[(rows["view"] == "closed") & (rows["dimension"] == "all")]
    rows = rows[rows["day_number"] == rows["day_number"].max()]
    rows = capped_where_declared(rows)
    order = rows["role"].map({role: place for place, role in enumerate(ROLES)})
    return rows.assign(order=order).sort_values(
        ["order", "metric_name", "treatment"], ignore_index=True
    )


def capped_where_declared(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out uncapped rows of metrics with caps: the capped ones decide."""
    capped = rows["is_capped"].fillna(False).astype(bool)
    has_caps = capped.groupby(rows["metric_name"]).transform("any")
    return rows[capped | ~has_caps.astype(bool)]


def tone_of(row: Mapping[Any, Any]) -> str:
    """How a comparison stands: good, bad or plain."""
    if row["is_deteriorated"] is True or row["is_deteriorated"] == 1:
        return "bad"
    if row["role"] == "guardrail":
        return "good" if bool(row["is_non_inferior"]) else "plain"
    return "good" if bool(row["is_superior"]) else "plain"


def metric_rows(rows: pd.DataFrame) -> list[MetricRow]:
    """Every metric of the last look."""
    return [_metric_row(row) for row in rows.to_dict("records")]


def _metric_row(row: Mapping[Any, Any]) -> MetricRow:
    unit = Unit.of(row["metric_unit"], None)
    unit = Unit("rate", "%") if row["metric_kind"] == "proportion" else unit
    tone = tone_of(row)
    reason = row["reason"] if isinstance(row["reason"], str) else row["lift_reason"]
    known = REASONS.get(str(reason), "")
    lower, upper = row["sequential_lift_lower"], row["sequential_lift_upper"]
    return MetricRow(
        label=str(row["metric_label"])
        + (", capped" if row["is_capped"] is True else ""),
        role=str(row["role"]),
        treatment=str(row["treatment"]),
        control=format_value(row["control_level"], unit),
        treated=format_value(row["treatment_level"], unit),
        lift=percent(row["lift"]),
        interval=interval(lower, upper)
        or known
        or (DASH if pd.isna(row["lift"]) else "unbounded"),
        p_value=p_text(row["p_value"]),
        chance=DASH
        if pd.isna(row["chance_to_beat"])
        else _share(row["chance_to_beat"]),
        state=state_of(row),
        tone=tone,
        hint=f"{format_whole(row['control_units'])} and "
        f"{format_whole(row['treatment_units'])} units; test: "
        f"{str(row['method']).replace('_', ' ')}; p = {p_text(row['p_value'])} if it "
        "were read once",
    )


def state_of(row: Mapping[Any, Any]) -> str:
    """How a comparison stands, in a word."""
    tone = tone_of(row)
    if tone == "bad":
        return "worse"
    if row["role"] == "guardrail":
        return "unharmed" if tone == "good" else "not cleared"
    return "better" if tone == "good" else "unclear"


def slice_tables(data: ExperimentData) -> list[SliceTable]:
    """The first success metric of the last look over each slice and treatment."""
    success = latest(data)
    success = success[success["role"] == "success"]
    rows = data.results
    if success.empty or rows.empty:
        return []
    first = success["metric_name"].iloc[0]
    rows = rows[(rows["view"] == "closed") & (rows["dimension"] != "all")]
    rows = rows[rows["metric_name"] == first]
    rows = capped_where_declared(rows[rows["day_number"] == rows["day_number"].max()])
    several = rows["treatment"].nunique() > 1
    return [
        _slice_table(str(dimension), str(treatment) if several else "", group)
        for (dimension, treatment), group in rows.groupby(["dimension", "treatment"])
    ]


def _slice_table(dimension: str, treatment: str, rows: pd.DataFrame) -> SliceTable:
    label = str(rows["metric_label"].iloc[0])
    p = rows["heterogeneity_p_value"].iloc[0]
    words = "too few groups to compare"
    if pd.notna(p):
        differ = "differ" if p < 0.05 else "do not differ by more than chance"
        words = f"groups {differ} (p = {p_text(p)})"
    title = f"{label} by {dimension.replace('_', ' ')}"
    return SliceTable(
        title=f"{title}, {treatment}" if treatment else title,
        words=words,
        rows=tuple(
            SliceRow(
                value=str(row["dimension_value"]),
                units=format_whole(row["control_units"] + row["treatment_units"]),
                lift=percent(row["lift"]),
                interval=interval(row["fixed_lift_lower"], row["fixed_lift_upper"])
                or REASONS.get(str(row["lift_reason"]), DASH),
                p_value=p_text(row["slice_p_value"]),
                tone=_tone_of_slice(row),
            )
            for row in rows.sort_values("dimension_value").to_dict("records")
        ),
    )


def _tone_of_slice(row: Mapping[Any, Any]) -> str:
    better = -row["lift"] if row["direction"] == "down" else row["lift"]
    return "good" if row["slice_p_value"] < 0.05 and better > 0 else ""


def check_rows(data: ExperimentData) -> list[CheckRow]:
    """Checks of the last day: those over all units, then slices that fail."""
    rows = data.quality
    rows = rows[rows["day_date"] == rows["day_date"].max()]
    passed = rows["is_passed"].fillna(True).astype(bool)
    whole = rows[(rows["dimension"] == "all")]
    order = {name: place for place, name in enumerate(CHECKS)}
    worst = whole.assign(order=whole["check_name"].map(order)).sort_values(
        ["order", "is_passed", "value"]
    )
    # Of a check with a row a metric or a variant, the one that looks worst.
    shown = pd.concat(
        [
            worst.drop_duplicates("check_name"),
            rows[(rows["dimension"] != "all") & ~passed],
        ]
    )
    return [_check_row(row) for row in shown.to_dict("records")]


def _check_row(row: Mapping[Any, Any]) -> CheckRow:
    name = str(row["check_name"])
    label, hint = CHECKS[name]
    about = [
        str(row[part])
        for part in ("dimension_value", "variant", "metric_name")
        if row[part] != "all"
    ]
    failed = "failed" if row["severity"] == "error" else "warned"
    return CheckRow(
        label=label,
        hint=hint,
        about=", ".join(about),
        value=_check_value(name, row["value"]),
        limit=_check_limit(name, row["limit_value"]),
        tone="passed" if bool(row["is_passed"]) else failed,
    )


def _check_value(name: str, value: float) -> str:
    if pd.isna(value):
        return "nothing to check yet"
    if name in ("several_variants", "exposed_as_assigned"):
        return _share(value)
    if name in ("unknown_variants", "traffic_in_zero_arm"):
        return f"{format_whole(value)} units"
    return f"p = {p_text(value)}"


def _check_limit(name: str, limit: float) -> str:
    if name in ("several_variants", "exposed_as_assigned"):
        return f"at most {_share(limit)}"
    if name in ("unknown_variants", "traffic_in_zero_arm"):
        return "none"
    return f"alarm below {limit:g}"


def percent(share: float) -> str:
    """A lift in per cent with its sign, or a dash."""
    if pd.isna(share):
        return DASH
    text = f"{share * 100:+.1f} %".replace("-", MINUS)
    return text if round(share * 100, 1) else "0.0 %"


def interval(lower: float, upper: float) -> str:
    """Bounds of a lift in per cent; empty when they are not known."""
    if pd.isna(lower) or pd.isna(upper):
        return ""
    low, high = (f"{bound * 100:.1f}".replace("-", MINUS) for bound in (lower, upper))
    return f"[{low}, {high}]"


def p_text(p: float) -> str:
    """A p-value: three digits, or a power of ten."""
    if pd.isna(p):
        return DASH
    if p >= 0.001:
        return f"{p:.3f}"
    return f"{p:.0e}".replace("-0", "-").replace("-", MINUS)


def _share(share: float) -> str:
    return f"{share * 100:.1f} %"
