"""The tables that Python writes: columns, types and meaning, declared once.

dbt declares its own in YAML. `warehouse.py` writes these, `publishing.py` copies
their descriptions, Dagster shows them as column schemas.
"""

from __future__ import annotations

from dagster_project.experiment_tables import (
    AA_VALIDATION,
    EXPERIMENT_DECISIONS,
    EXPERIMENT_INTERACTIONS,
    EXPERIMENT_QUALITY,
    EXPERIMENT_RESULTS,
)
from dagster_project.table_form import Column, Table

__all__ = [
    "AA_VALIDATION",
    "ADMITTED_LOADS",
    "ANOMALIES",
    "CHECK_RESULTS",
    "DECLARED_TABLES",
    "EXPERIMENT_DECISIONS",
    "EXPERIMENT_INTERACTIONS",
    "EXPERIMENT_QUALITY",
    "EXPERIMENT_RESULTS",
    "FORECASTS",
    "FORECAST_ACCURACY",
    "FORECAST_LEDGER",
    "FORECAST_SCORE_LEDGER",
    "IDENTITY_HISTORY",
    "IDENTITY_LEDGER",
    "RECONCILIATION_SAMPLE",
    "RUN_HEALTH",
    "Column",
    "Table",
]

_SERIES = (
    Column("metric_name", "varchar", "The metric."),
    Column("dimension", "varchar", "What it is broken down by; all for the total."),
    Column("dimension_value", "varchar", "The group; all for the total."),
)
_FORECAST_FACTS = (
    *_SERIES,
    Column("origin_date", "date", "Last day the forecast knew."),
    Column("target_date", "date", "Day it is about."),
    Column("horizon_days", "integer", "Days from origin to target."),
    Column("model_version", "varchar", "The method that made it."),
    Column("mean", "double", "The forecast, in the metric's unit."),
    Column("lower_80", "double", "Lower bound of the 80 % interval."),
    Column("upper_80", "double", "Upper bound of the 80 % interval."),
    Column("lower_95", "double", "Lower bound of the 95 % interval."),
    Column("upper_95", "double", "Upper bound of the 95 % interval."),
    Column("scale", "double", "Usual difference of same weekdays at the origin."),
    Column("training_days", "integer", "Days of history it rests on."),
    Column("flags", "varchar", "Reservations, such as low_history."),
)
_FORECAST_SCORES = (
    Column("actual", "double", "What happened; null until the day is complete."),
    Column("error", "double", "Actual minus mean."),
    Column("scaled_error", "double", "Absolute error over scale."),
    Column("in_80", "boolean", "Whether the 80 % interval held it."),
    Column("in_95", "boolean", "Whether the 95 % interval held it."),
    Column("interval_score_95", "double", "Interval score at 95 %; lower is better."),
)
_FORECAST_KEY = (
    "metric_name",
    "dimension",
    "dimension_value",
    "origin_date",
    "target_date",
    "model_version",
)

FORECAST_LEDGER = Table(
    schema="ledger",
    name="forecasts",
    description="One row per series, origin, target and model: forecasts as made.",
    key=_FORECAST_KEY,
    columns=_FORECAST_FACTS,
)

FORECAST_SCORE_LEDGER = Table(
    schema="ledger",
    name="forecast_scores",
    description="One row per forecast and time it was scored.",
    key=(*_FORECAST_KEY, "scored_at"),
    columns=(
        *(column for column in _FORECAST_FACTS if column.name in _FORECAST_KEY),
        Column("scored_at", "timestamp", "When the score was made (UTC)."),
        Column("actual", "double", "What had happened, as known then."),
    ),
)

_IDENTITY_FACTS = (
    Column("identity", "varchar", "A user id, a device or another id of a person."),
    Column("valid_from", "timestamp", "Events from then on (UTC); 0001-01-01: all."),
    Column("valid_to", "timestamp", "Events before then (UTC); 9999-12-31: all."),
    Column("person_id", "varchar", "Whose the id was taken to be."),
    Column("known_from", "timestamp", "When a night first knew it so (UTC)."),
)

IDENTITY_LEDGER = Table(
    schema="ledger",
    name="identities",
    description="One row per id, span of its events and night that knew them anew.",
    key=("identity", "valid_from", "known_from"),
    columns=_IDENTITY_FACTS,
)

IDENTITY_HISTORY = Table(
    schema="analysis",
    name="identity_history",
    is_about_persons=True,
    description="One row per id, span of its events and time during which they were "
    "taken for one person's. An id without a row stood for itself.",
    key=("identity", "valid_from", "known_from"),
    columns=(
        *_IDENTITY_FACTS,
        Column("known_to", "timestamp", "Until when it was known so; null: still."),
    ),
)

FORECASTS = Table(
    schema="analysis",
    name="forecasts",
    description="One row per series, origin, target day and model: the forecast as "
    "made, and its score once the day is complete.",
    key=_FORECAST_KEY,
    columns=(*_FORECAST_FACTS, *_FORECAST_SCORES),
)

FORECAST_ACCURACY = Table(
    schema="analysis",
    name="forecast_accuracy",
    description="One row per metric, horizon bucket and model: how good forecasts "
    "whose days lie in the last 90 days turned out.",
    key=("metric_name", "horizon_bucket", "model_version"),
    columns=(
        Column("metric_name", "varchar", "The metric."),
        Column("horizon_bucket", "varchar", "Days ahead: 1, 2-7, 8-14, 15-30, 31+."),
        Column("model_version", "varchar", "The method."),
        Column("n", "bigint", "Forecasts scored."),
        Column("wape", "double", "Sum of absolute errors over sum of actuals."),
        Column("mase", "double", "Mean absolute error over scale."),
        Column("bias", "double", "Sum of errors over sum of actuals; above 0: low."),
        Column("coverage_80", "double", "Share of actuals inside the 80 % interval."),
        Column("coverage_80_lower", "double", "Lower 95 % Wilson bound of it."),
        Column("coverage_80_upper", "double", "Upper 95 % Wilson bound of it."),
        Column("coverage_95", "double", "Share of actuals inside the 95 % interval."),
        Column("coverage_95_lower", "double", "Lower 95 % Wilson bound of it."),
        Column("coverage_95_upper", "double", "Upper 95 % Wilson bound of it."),
        Column("msis", "double", "Mean interval score over scale."),
    ),
)

ANOMALIES = Table(
    schema="analysis",
    name="anomalies",
    description="One row per incident: a burst of days outside the interval forecast "
    "without them.",
    key=("incident_id",),
    columns=(
        Column("incident_id", "varchar", "The same in every run."),
        *_SERIES,
        Column("started_on", "date", "First unusual day."),
        Column("ended_on", "date", "Last unusual day; null while open."),
        Column("direction", "varchar", "up or down."),
        Column("peak_date", "date", "The most unusual day."),
        Column("peak_value", "double", "Value of that day."),
        Column("expected", "double", "What was expected of that day."),
        Column("lower", "double", "Lower bound of what was expected."),
        Column("upper", "double", "Upper bound of what was expected."),
        Column("score", "double", "Distance from the expectation over its scale."),
        Column("status", "varchar", "open or closed."),
        Column("explanation", "varchar", "The incident in a sentence."),
    ),
)

ADMITTED_LOADS = Table(
    schema="ledger",
    name="admitted_loads",
    description="One row per load that the gate on landed data let through.",
    key=("load_id",),
    columns=(
        Column("load_id", "varchar", "The load."),
        Column("run_id", "varchar", "The run whose gate admitted it."),
        Column("admitted_at", "timestamp", "When (UTC)."),
    ),
)

CHECK_RESULTS = Table(
    schema="trust",
    name="check_results",
    description="One row per run and check: what each gate found.",
    key=("run_id", "asset", "check_name"),
    columns=(
        Column("run_id", "varchar", "The run that evaluated the check."),
        Column("checked_at", "timestamp", "When it was evaluated (UTC)."),
        Column("gate", "varchar", "Where it stands: landing, dbt, analysis, audit."),
        Column("asset", "varchar", "The asset it judges, schema/table."),
        Column("check_name", "varchar", "Name of the check."),
        Column("severity", "varchar", "error stops the night, warn does not."),
        Column("status", "varchar", "passed, warned, failed or error."),
        Column("failed_count", "bigint", "Rows or values that break the rule."),
        Column("observed", "varchar", "What was seen, in words or as JSON."),
        Column(
            "examples",
            "varchar",
            "Up to ten offending rows, as a JSON list; null where persons are not "
            "shown.",
            is_personal=True,
        ),
        Column("cure", "varchar", "What to do about a failure."),
    ),
)

RUN_HEALTH = Table(
    schema="trust",
    name="run_health",
    description="One row per run and stage: how the night went.",
    key=("run_id", "stage"),
    columns=(
        Column("run_id", "varchar", "The run."),
        Column("started_at", "timestamp", "When the stage began (UTC)."),
        Column("finished_at", "timestamp", "When it ended (UTC); null while open."),
        Column("status", "varchar", "succeeded, failed, skipped or running."),
        Column("stage", "varchar", "The step of the job."),
        Column("seconds", "double", "How long it took."),
        Column("rows", "bigint", "Rows of the tables it wrote; null when none."),
    ),
)

RECONCILIATION_SAMPLE = Table(
    schema="trust",
    name="reconciliation_sample",
    description="One row per area and definition: figures of a sample of persons, "
    "recomputed from their events by a second engine and compared.",
    key=("area", "definition"),
    columns=(
        Column(
            "area",
            "varchar",
            "active_days, persons, sessions, funnels, funnel_touches, attribution, "
            "mrr, retention, lifecycle or segments.",
        ),
        Column("definition", "varchar", "The definition of that name; all: none."),
        Column("first_date", "date", "First UTC day whose events were read."),
        Column("last_date", "date", "Last UTC day whose events were read."),
        Column("person_count", "bigint", "Persons whose figures were recomputed."),
        Column("figure_count", "bigint", "Figures that were compared."),
        Column("differing_count", "bigint", "Figures that differ."),
        Column("differing_figures", "varchar", "Their names; null: none differs."),
        Column(
            "is_agreed",
            "boolean",
            "Whether both engines say the same; null: nothing was compared.",
        ),
        Column("reason", "varchar", "What was left out, and why; null: nothing was."),
        Column(
            "examples",
            "varchar",
            "Up to ten figures that differ, as a JSON list; null where persons are "
            "not shown.",
            is_personal=True,
        ),
    ),
)

DECLARED_TABLES = tuple(
    table for table in list(globals().values()) if isinstance(table, Table)
)
