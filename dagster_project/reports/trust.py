"""How far the figures can be trusted: forecasts, freshness, checks.

Here belong the rows of those tables and their wording. Here does not belong the
judging itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from dagster_project.reports.formatting import (
    DASH,
    format_hours,
    format_instant,
    format_share,
    format_whole,
)
from dagster_project.reports.metric_lookup import metric_of, metrics_by_name
from dagster_project.reports.report_data import ReportData

BUCKET_TEXTS = {
    "1": "1 day ahead",
    "2-7": "2 to 7 days",
    "8-14": "8 to 14 days",
    "15-30": "15 to 30 days",
    "31+": "over 30 days",
}
PASSED = frozenset({"passed", "pass", "success", "succeeded", "ok"})
WARNED = frozenset({"warned", "warn", "warning"})
# Anything that is neither passed nor warned counts as failed: a check that could not
# run is no pass.
MAX_FINDINGS = 12
STATES = ("passed", "warned", "failed")


@dataclass(frozen=True)
class Accuracy:
    """Realised beside nominal coverage for one horizon, over all metrics."""

    horizon: str
    n: str
    coverage_80: str
    coverage_95: str
    typical_miss: str


@dataclass(frozen=True)
class MetricAccuracy:
    """The same for one metric, with Wilson intervals."""

    label: str
    horizon: str
    n: str
    wape: str
    mase: str
    coverage_80: str
    coverage_95: str


@dataclass(frozen=True)
class SourceRow:
    """Freshness of one source."""

    name: str
    last_event: str
    last_load: str
    behind: str
    rows: str
    quarantined: str
    has_quarantine: bool


@dataclass(frozen=True)
class GateRow:
    """Counts of checks at one gate."""

    name: str
    passed: int
    warned: int
    failed: int


@dataclass(frozen=True)
class Finding:
    """A check that warned or failed."""

    state: str
    gate: str
    asset: str
    check: str
    observed: str
    failed_count: str
    cure: str


def accuracy_by_horizon(data: ReportData) -> list[Accuracy]:
    """Coverage and miss by horizon, weighted by the number of matured forecasts."""
    frame = data.forecast_accuracy
    rows = []
    for bucket, text in BUCKET_TEXTS.items():
        part = frame[(frame["horizon_bucket"] == bucket) & (frame["n"] > 0)]
        if len(part):
            rows.append(
                Accuracy(
                    horizon=text,
                    n=format_whole(part["n"].sum()),
                    coverage_80=format_share(_weighted(part, "coverage_80")),
                    coverage_95=format_share(_weighted(part, "coverage_95")),
                    typical_miss=format_share(_weighted(part, "wape")),
                )
            )
    return rows


def accuracy_sentence(data: ReportData) -> str:
    """The nominal level beside what was reached, in one sentence."""
    frame = data.forecast_accuracy[data.forecast_accuracy["n"] > 0]
    if frame.empty:
        return "No forecast has matured yet, so no accuracy can be claimed."
    reached_80, reached_95 = (
        format_share(_weighted(frame, name)) for name in ("coverage_80", "coverage_95")
    )
    return (
        f"Of {format_whole(frame['n'].sum())} matured forecasts, {reached_80} held the "
        f"actual value inside their 80% range and {reached_95} inside their 95% range."
    )


def _weighted(frame: pd.DataFrame, column: str) -> float | None:
    known = frame[frame[column].notna()]
    weight = known["n"].sum()
    return float((known[column] * known["n"]).sum() / weight) if weight else None


def accuracy_by_metric(data: ReportData) -> list[MetricAccuracy]:
    """Every matured metric and horizon."""
    metrics = metrics_by_name(data)
    frame = data.forecast_accuracy[data.forecast_accuracy["n"] > 0]
    order = {bucket: number for number, bucket in enumerate(BUCKET_TEXTS)}
    ordered = frame.assign(order=frame["horizon_bucket"].map(order)).sort_values(
        ["metric_name", "model_version", "order"]
    )
    return [
        MetricAccuracy(
            label=metric_of(metrics, str(row["metric_name"])).label,
            horizon=BUCKET_TEXTS.get(row["horizon_bucket"], str(row["horizon_bucket"])),
            n=format_whole(row["n"]),
            wape=format_share(row["wape"]),
            mase=DASH if pd.isna(row["mase"]) else f"{row['mase']:.2f}",
            coverage_80=_coverage(row, 80),
            coverage_95=_coverage(row, 95),
        )
        for _, row in ordered.iterrows()
    ]


def _coverage(row: pd.Series, level: int) -> str:
    reached = row[f"coverage_{level}"]
    if pd.isna(reached):
        return DASH
    lower, upper = row[f"coverage_{level}_lower"], row[f"coverage_{level}_upper"]
    return f"{format_share(reached, 0)} ({100 * lower:.0f} to {100 * upper:.0f})"


def source_rows(data: ReportData) -> list[SourceRow]:
    """Freshness by source, the one furthest behind first."""
    ordered = data.freshness.sort_values(
        ["hours_behind", "source"], ascending=[False, True], na_position="first"
    )
    return [
        SourceRow(
            name=str(row["source"]),
            last_event=format_instant(row["last_event_at"], data.zone),
            last_load=format_instant(row["last_load_at"], data.zone),
            behind=format_hours(row["hours_behind"]),
            rows=format_whole(row["landed_row_count"]),
            quarantined=format_whole(row["quarantined_row_count"]),
            has_quarantine=bool(row["quarantined_row_count"] > 0),
        )
        for _, row in ordered.iterrows()
    ]


def check_states(data: ReportData) -> pd.Series:
    """The state of every check: passed, warned or failed."""
    status = data.checks["status"].fillna("").str.lower()
    severity = data.checks["severity"].fillna("").str.lower()
    state = pd.Series("failed", index=status.index, dtype="str")
    state[status.isin(WARNED)] = "warned"
    state[status.isin({"failed", "fail"}) & severity.isin(WARNED | {"info"})] = "warned"
    state[status.isin(PASSED)] = "passed"
    return state


def gate_rows(data: ReportData) -> list[GateRow]:
    """Counts by gate, in the order in which the checks came."""
    states = check_states(data)
    gates = data.checks["gate"].fillna("(no gate)")
    counts = {
        state: gates[states == state].value_counts().to_dict() for state in STATES
    }
    return [
        GateRow(str(gate), *(int(counts[state].get(gate, 0)) for state in STATES))
        for gate in gates.drop_duplicates()
    ]


def findings(data: ReportData) -> list[Finding]:
    """Checks that failed, then those that warned, the first dozen."""
    frame = data.checks.assign(state=check_states(data))
    frame = frame[frame["state"] != "passed"].sort_values("state", kind="stable")
    frame = frame.head(MAX_FINDINGS)
    return [
        Finding(
            state=str(row["state"]),
            gate=_text(row["gate"]),
            asset=_text(row["asset"]),
            check=_text(row["check_name"]),
            observed=_text(row["observed"]),
            failed_count=format_whole(row["failed_count"]),
            cure=_text(row["cure"]),
        )
        for _, row in frame.iterrows()
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
