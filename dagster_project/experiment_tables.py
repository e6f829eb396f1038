"""The tables of experiments that Python writes: columns, types and meaning."""

from __future__ import annotations

from dagster_project.table_form import Column, Table

_EXPERIMENT = Column("experiment_name", "varchar", "The experiment.")
_TREATMENT = Column("treatment", "varchar", "The variant, beside the control.")
_DAY_NUMBER = Column(
    "day_number", "integer", "Days since the start, from 0; of a unit: since exposure."
)
_DAY = Column("day_date", "date", "Last local day that is counted.")
_PROVENANCE = (
    Column(
        "data_complete_through", "timestamp", "Events up to then are counted (UTC)."
    ),
    Column("config_hash", "varchar", "The declaration that the row was made with."),
)
_SLICE = (
    Column("dimension", "varchar", "What units are sliced by; all for all of them."),
    Column("dimension_value", "varchar", "The group; all for all of them."),
)


def _interval(prefix: str, meaning: str) -> tuple[Column, ...]:
    return (
        Column(f"{prefix}_lower", "double", f"Lower bound of the effect, {meaning}."),
        Column(f"{prefix}_upper", "double", f"Upper bound of the effect, {meaning}."),
        Column(
            f"{prefix}_lift_lower", "double", f"Lower bound of the lift, {meaning}."
        ),
        Column(
            f"{prefix}_lift_upper", "double", f"Upper bound of the lift, {meaning}."
        ),
        Column(
            f"is_{prefix}_significant", "boolean", f"Whether 0 is left out, {meaning}."
        ),
    )


EXPERIMENT_RESULTS = Table(
    schema="analysis",
    name="experiment_results_daily",
    description="One row per experiment, metric, treatment, view, slice, day and "
    "capping: the effect as each look saw it.",
    key=(
        *("experiment_name", "metric_name", "treatment", "view", "dimension"),
        *("dimension_value", "day_number", "is_capped"),
    ),
    columns=(
        _EXPERIMENT,
        Column("metric_name", "varchar", "The metric, as the experiment calls it."),
        _TREATMENT,
        Column(
            "view",
            "varchar",
            "closed (units whose window is over: decides), cumulative, calendar_day or "
            "day_since_exposure.",
        ),
        *_SLICE,
        _DAY_NUMBER,
        _DAY,
        Column("is_capped", "boolean", "Whether totals of units are cut at the caps."),
        Column("metric_label", "varchar", "The metric in words."),
        Column("metric_unit", "varchar", "Unit of its levels and effects."),
        Column("metric_kind", "varchar", "proportion, mean, ratio or quantile."),
        Column("role", "varchar", "success, guardrail, deterioration or secondary."),
        Column("direction", "varchar", "up where more is good, else down."),
        Column("margin", "double", "Accepted loss of a guardrail, share of control."),
        Column("mde", "double", "Planned effect, a share of the control's level."),
        Column("confidence", "double", "Level of every interval."),
        Column("information", "double", "Matured share of the plan; null: not judged."),
        Column("looks", "integer", "Looks taken so far, this one included."),
        Column("control_units", "bigint", "Units of the control."),
        Column("treatment_units", "bigint", "Units of the treatment."),
        Column("control_level", "double", "Figure per unit of the control."),
        Column("treatment_level", "double", "Figure of the treatment, adjusted."),
        Column("effect", "double", "Treatment minus control, in the metric's unit."),
        Column("lift", "double", "Effect as a share of the control's level."),
        Column("std_error", "double", "Standard error of the effect."),
        Column("method", "varchar", "How the p-value was made."),
        Column("reason", "varchar", "Why figures are null; null: they are there."),
        Column("lift_reason", "varchar", "Why the lift or its interval is null."),
        Column("statistic", "double", "Effect over its standard error."),
        Column("p_value", "double", "Two-sided, of a test read once."),
        Column("log_p", "double", "Its natural logarithm."),
        *_interval("fixed", "for a test read once"),
        Column("raw_effect", "double", "Effect without adjustment by the past."),
        Column("raw_std_error", "double", "Its standard error."),
        Column("raw_lower", "double", "Lower bound of it, for a test read once."),
        Column("raw_upper", "double", "Upper bound of it, for a test read once."),
        Column(
            "stratified_effect",
            "double",
            "Effect with both arms' strata in equal shares; null: none are declared, "
            "and of quantiles.",
        ),
        Column("stratified_std_error", "double", "Its standard error."),
        *_interval("stratified", "by strata, for a test read once"),
        Column("stratified_lift", "double", "That effect as a share of control."),
        Column("stratified_p_value", "double", "Its p-value, of a test read once."),
        Column("stratified_reason", "varchar", "Why it is null though declared."),
        Column(
            "sequential_effect",
            "double",
            "Effect that the sequential test judges: that of the look which completed "
            "the plan, once it is over.",
        ),
        Column("sequential_lift", "double", "The same as a share of control."),
        *_interval("sequential", "at the level of this look"),
        *_interval("always_valid", "valid however often it is read"),
        Column("always_valid_log_p", "double", "Log of the always-valid p-value."),
        Column(
            "chance_to_beat", "double", "Posterior chance to be better, flat prior."
        ),
        Column("expected_loss", "double", "Expected lift lost where it is worse."),
        Column("shrunk_lift", "double", "Lift drawn to past experiments; null: none."),
        Column("shrunk_lift_lower", "double", "Lower bound of the shrunk lift."),
        Column("shrunk_lift_upper", "double", "Upper bound of the shrunk lift."),
        Column("shrunk_chance_to_beat", "double", "Chance to be better, shrunk."),
        Column("holm_p_value", "double", "Corrected over success metrics (Holm)."),
        Column("is_holm_significant", "boolean", "Whether that is below alpha."),
        Column("discovery_p_value", "double", "Corrected over the other metrics (BH)."),
        Column("is_discovery", "boolean", "Whether that is below alpha."),
        Column("slice_p_value", "double", "Corrected over all slices (BH)."),
        Column("is_slice_discovery", "boolean", "Whether that is below alpha."),
        Column("heterogeneity_q", "double", "Cochran's Q over the slice's values."),
        Column("heterogeneity_p_value", "double", "Its p-value."),
        Column("i_squared", "double", "Share of their spread that is not noise."),
        Column(
            "effect_slope_per_day", "double", "Change of the effect a calendar day."
        ),
        Column("effect_slope_p_value", "double", "Its p-value."),
        Column("is_superior", "boolean", "Better, at the level of this look."),
        Column("non_inferior_log_p", "double", "Log p of harm within the margin."),
        Column("is_non_inferior", "boolean", "Shown to be unharmed at this look."),
        Column("deteriorated_log_p", "double", "Log p of being worse, one-sided."),
        Column("is_deteriorated", "boolean", "Worse, at the level of this look."),
        Column("missing_units", "double", "Units of both arms that power still needs."),
        *_PROVENANCE,
    ),
)

EXPERIMENT_DECISIONS = Table(
    schema="analysis",
    name="experiment_decisions",
    description="One row per experiment, treatment and day: what to do, why, and what "
    "is missing.",
    key=("experiment_name", "treatment", "day_number"),
    columns=(
        _EXPERIMENT,
        _TREATMENT,
        _DAY_NUMBER,
        _DAY,
        Column(
            "verdict",
            "varchar",
            "ship, do_not_ship, stop_harm, keep_running or invalid.",
        ),
        Column("grounds", "varchar", "Why: names joined by commas."),
        Column("sentence", "varchar", "The decision in words."),
        Column("superior_count", "integer", "Success metrics that are better."),
        Column("cleared_count", "integer", "Guardrails that are non-inferior."),
        Column("deteriorated_count", "integer", "Metrics that are worse."),
        Column("matured_units", "bigint", "Units whose every window is over."),
        Column("information", "double", "Their share of the plan, at most 1."),
        Column("looks", "integer", "Looks taken so far."),
        Column("missing_units", "double", "Units that the plan still asks for."),
        Column("missing_days", "double", "Days until then, at last week's pace."),
        Column(
            "power_missing_units",
            "double",
            "Units that every success metric still needs to find its planned effect.",
        ),
        Column("power_missing_days", "double", "Days until then, at that pace."),
        Column(
            "inputs_hash", "varchar", "Of all that the looks up to the day are made of."
        ),
        *_PROVENANCE,
    ),
)

EXPERIMENT_QUALITY = Table(
    schema="analysis",
    name="experiment_quality",
    description="One row per experiment, check, day, slice and subject: did it run as "
    "declared?",
    key=(
        *("experiment_name", "check_name", "day_date", "dimension"),
        *("dimension_value", "variant", "metric_name"),
    ),
    columns=(
        _EXPERIMENT,
        Column(
            "check_name",
            "varchar",
            "sample_ratio, sample_ratio_sequential, several_variants, "
            "unknown_variants, traffic_in_zero_arm, pre_period_balance or "
            "exposed_as_assigned.",
        ),
        _DAY,
        *_SLICE,
        Column("variant", "varchar", "The variant it is about; all for all."),
        Column("metric_name", "varchar", "The metric it is about; all for none."),
        Column("severity", "varchar", "error makes results invalid, warning does not."),
        Column("value", "double", "What was found; null: nothing to check yet."),
        Column("limit_value", "double", "Where it fails: a p-value below, else above."),
        Column("is_passed", "boolean", "Whether it holds."),
        Column("unit_count", "bigint", "Units that it looked at."),
        Column("config_hash", "varchar", "The declaration that it was made with."),
    ),
)

EXPERIMENT_INTERACTIONS = Table(
    schema="analysis",
    name="experiment_interactions",
    description="One row per pair of experiments that share units, metric of the first "
    "one, pair of treatments and capping: what the second one changes in the effect of "
    "the first, at the last whole day. A pair stands twice: with the metrics of each.",
    key=(
        *("experiment_name", "other_experiment_name", "metric_name"),
        *("treatment", "other_treatment", "is_capped"),
    ),
    columns=(
        Column("experiment_name", "varchar", "The experiment whose metric is told."),
        Column("other_experiment_name", "varchar", "The one that its units are in."),
        Column("metric_name", "varchar", "The metric, as the first one calls it."),
        _TREATMENT,
        Column("other_treatment", "varchar", "The other one's, beside its control."),
        Column("is_capped", "boolean", "Whether totals of units are cut at the caps."),
        _DAY,
        Column("metric_label", "varchar", "The metric in words."),
        Column("metric_unit", "varchar", "Unit of its levels and effects."),
        Column("metric_kind", "varchar", "proportion, mean or ratio."),
        Column("confidence", "double", "Level of the interval."),
        Column(
            "unit_count",
            "bigint",
            "Units of the four cells: control and treatment of both, windows over.",
        ),
        Column("effect_alone", "double", "Effect on units of the other's control."),
        Column("effect_together", "double", "Effect on units of its treatment."),
        Column("interaction", "double", "The second less the first."),
        Column("std_error", "double", "Standard error of the interaction."),
        Column("interaction_lower", "double", "Lower bound of the interaction."),
        Column("interaction_upper", "double", "Upper bound of the interaction."),
        Column("statistic", "double", "Interaction over its standard error."),
        Column("p_value", "double", "Two-sided, of a test read once."),
        Column("log_p", "double", "Its natural logarithm."),
        Column("is_significant", "boolean", "Whether the interval leaves out 0."),
        Column(
            "adjusted_p_value",
            "double",
            "Corrected over all rows (BH); those of an uncapped twin apart.",
        ),
        Column("is_discovery", "boolean", "Whether that is below alpha."),
        Column(
            "joint_p_value",
            "double",
            "That none of the pair's treatments interact (Wald); not corrected.",
        ),
        Column("reason", "varchar", "Why figures are null; null: they are there."),
        *_PROVENANCE,
        Column("other_config_hash", "varchar", "The declaration of the other one."),
    ),
)

AA_VALIDATION = Table(
    schema="analysis",
    name="aa_validation",
    description="One row per metric: how often splits of real persons that differ in "
    "nothing are called different.",
    key=("metric_name",),
    columns=(
        Column("metric_name", "varchar", "The metric."),
        Column("metric_kind", "varchar", "proportion, mean or ratio."),
        Column("definition_hash", "varchar", "The declaration of the metric."),
        Column("first_date", "date", "First local day whose figures are split."),
        Column("last_date", "date", "Last local day whose figures are split."),
        Column("reporting_timezone", "varchar", "Of those days."),
        Column("built_through_load_id", "varchar", "The newest load it knows."),
        Column("person_count", "bigint", "Persons that are split."),
        Column(
            "active_count",
            "bigint",
            "Persons with anything but 0; of a ratio, if fewer, but 1.",
        ),
        Column("level", "double", "Figure of a person, or the ratio of sums."),
        Column("std_dev", "double", "Its spread between persons (of a ratio: delta)."),
        Column(
            "adjusted_std_dev",
            "double",
            "What is left of the spread once the days before are known (CUPED).",
        ),
        Column("split_count", "integer", "Random halves that were compared."),
        Column("judged_count", "integer", "Halves with a p-value."),
        Column("alpha", "double", "Level of the test."),
        Column("false_positive_count", "integer", "Halves called different."),
        Column("false_positive_rate", "double", "Their share of those judged."),
        Column("rate_lower", "double", "Lower bound of the rate (Wilson, 95 %)."),
        Column("rate_upper", "double", "Upper bound of the rate (Wilson, 95 %)."),
        Column("allowed_lower", "double", "A rate below fails; 0 for exact tests."),
        Column("allowed_upper", "double", "A rate above fails."),
        Column("is_within_band", "boolean", "Whether it lies between; null: too few."),
        Column("seed", "bigint", "What the halves were drawn from."),
        Column("reason", "varchar", "Why there is no rate; null: there is one."),
    ),
)
