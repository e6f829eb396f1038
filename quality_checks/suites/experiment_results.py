"""What must be true of experiment results before anyone decides by them.

Three tables: results, decisions, and checks of the experiments themselves. Whether an
experiment ran as declared is not a fault of the results: such alarms are shown as
warnings. That a decision heeds them is gated.
"""

from __future__ import annotations

from typing import Final

from quality_checks.suites.rules import has_columns, never_null, no_such_rows
from quality_checks.verdict import Expectation, Suite

_KEY: Final = (
    *("experiment_name", "metric_name", "treatment", "view", "dimension"),
    *("dimension_value", "day_number", "is_capped"),
)
_SHOWN: Final = ", ".join(_KEY)
_OF_EFFECT: Final = ("fixed", "sequential", "always_valid")
# Effects of their own: by strata, and (without a lift) without adjustment.
_TESTS: Final = (*_OF_EFFECT, "stratified")
_BOUNDS: Final = tuple(
    f"{test}_{end}" for test in (*_TESTS, "raw") for end in ("lower", "upper")
)
_LIFTS: Final = tuple(
    f"{test}_lift_{end}" for test in _TESTS for end in ("lower", "upper")
)
_SHARES: Final = (
    *(
        "p_value",
        "stratified_p_value",
        "holm_p_value",
        "discovery_p_value",
        "slice_p_value",
    ),
    *("heterogeneity_p_value", "i_squared", "effect_slope_p_value"),
    *("chance_to_beat", "shrunk_chance_to_beat", "information"),
)
_NUMBERS: Final = (
    *("effect", "lift", "std_error", "statistic", "log_p", "always_valid_log_p"),
    *("control_level", "treatment_level", "expected_loss", "raw_effect"),
    *("raw_std_error", "stratified_effect", "stratified_std_error", "stratified_lift"),
)
_COLUMNS: Final = (
    *_KEY,
    *_BOUNDS,
    *_LIFTS,
    *_SHARES,
    *_NUMBERS,
    "reason",
    "confidence",
)
_VERDICTS: Final = "('ship', 'do_not_ship', 'stop_harm', 'keep_running', 'invalid')"

_CURE_VERSION: Final = (
    "The results were written by another version of the analysis: run again with this "
    "one."
)
_CURE: Final = (
    "The analysis wrote a row it must not write: nothing of this run is published. Run "
    "the tests of the analysis with the sums of the row shown; to publish meanwhile, "
    "set the experiment to draft in the catalog."
)
_CURE_TRAFFIC: Final = (
    "Units do not arrive as the experiment declares: look at its page, compare "
    "assignment and exposure by day and by slice, and mend the service that assigns. "
    "Its figures are not to be trusted until then; results of the experiment are "
    "marked invalid."
)


def experiment_results_suite(
    *, table: str = "analysis.experiment_results_daily"
) -> Suite:
    """Return the suite for results. An empty table is fine: not all experiment."""
    return Suite(
        name="experiment_results",
        table=table,
        description="p-value, interval and flag agree; undefined results are null.",
        expectations=(
            has_columns(_COLUMNS, exactly=False, cure=_CURE_VERSION),
            never_null("config_hash", table, _SHOWN, _CURE),
            *_identity(),
            *_figures(),
            *_coherence(),
            *_undefined(),
        ),
    )


def _identity() -> tuple[Expectation, ...]:
    nulls = " or ".join(f"{name} is null" for name in _KEY)
    return (
        no_such_rows(
            "key_is_unique",
            f"select {_SHOWN}, count(*) as row_count from {{batch}} "
            f"group by all having count(*) > 1 or {nulls}",
            description=f"one row per {_SHOWN}, none of them null",
            cure=_CURE,
        ),
    )


def _figures() -> tuple[Expectation, ...]:
    numbers = (*_NUMBERS, *_BOUNDS, *_LIFTS, *_SHARES)
    infinite = " or ".join(f"not coalesce(isfinite({name}), true)" for name in numbers)
    outside = " or ".join(f"not coalesce({n} between 0 and 1, true)" for n in _SHARES)
    return (
        no_such_rows(
            "figures_are_finite",
            f"select {_SHOWN} from {{batch}} where {infinite}",
            description="every figure is a finite number or null",
            cure=_CURE,
        ),
        no_such_rows(
            "shares_lie_between_0_and_1",
            f"select {_SHOWN}, {', '.join(_SHARES)} from {{batch}} where {outside}",
            description="p-values, chances and shares lie in [0, 1]",
            cure=_CURE,
        ),
    )


def _coherence() -> tuple[Expectation, ...]:
    inside = [
        *(("effect", f"{test}_lower", f"{test}_upper") for test in (*_TESTS, "raw")),
        *(("lift", f"{test}_lift_lower", f"{test}_lift_upper") for test in _TESTS),
    ]
    judged = {"sequential_lower": "sequential_effect"}
    judged["sequential_lift_lower"] = "sequential_lift"
    judged |= {"stratified_lower": "stratified_effect", "raw_lower": "raw_effect"}
    judged["stratified_lift_lower"] = "stratified_lift"
    apart = " or ".join(
        f"not coalesce({judged.get(low, of)} between {low} and {high}, true)"
        for of, low, high in inside
    )
    flags = " or ".join(
        f"(is_{test}_significant is distinct from "
        f"coalesce({test}_lower > 0 or {test}_upper < 0, false))"
        for test in _TESTS
    )
    lifts = " or ".join(
        f"({test}_lift_lower is not null and is_{test}_significant is distinct from "
        f"({test}_lift_lower > 0 or {test}_lift_upper < 0))"
        for test in _TESTS
    )
    # A level written as 1 - confidence differs from alpha in its last digits.
    near = "abs(p_value - (1 - confidence)) < 1e-12"
    return (
        no_such_rows(
            "estimate_lies_in_its_interval",
            f"select {_SHOWN}, effect, lift, {', '.join((*_BOUNDS, *_LIFTS))} "
            f"from {{batch}} where {apart}",
            description="effect and lift lie inside each of their intervals",
            cure=_CURE,
        ),
        no_such_rows(
            "flag_agrees_with_interval",
            f"select {_SHOWN}, {', '.join(_BOUNDS)} from {{batch}} "
            f"where {flags} or {lifts}",
            description="a result is significant exactly where its interval leaves out "
            "0, of the effect and of the lift",
            cure=_CURE,
        ),
        no_such_rows(
            "flag_agrees_with_p_value",
            f"select {_SHOWN}, p_value, confidence, is_fixed_significant "
            f"from {{batch}} where p_value is not null and not ({near}) "
            "and is_fixed_significant is distinct from (p_value < 1 - confidence)",
            description="a result is significant exactly where p is below its level",
            cure=_CURE,
        ),
    )


def _undefined() -> tuple[Expectation, ...]:
    bounds = [f"{test}_{end}" for test in _OF_EFFECT for end in ("lower", "upper")]
    known = " or ".join(f"{n} is not null" for n in ("p_value", "std_error", *bounds))
    flagged = " or ".join(f"is_{test}_significant" for test in _OF_EFFECT)
    return (
        no_such_rows(
            "undefined_results_are_null",
            f"select {_SHOWN}, reason, p_value from {{batch}} "
            # The sequential columns are of the look that completed the plan.
            "where reason is not null and coalesce(information, 0) < 1 "
            f"and ({known} or {flagged})",
            description="a result with a reason has no p-value, no interval, no flag",
            cure=_CURE,
        ),
        no_such_rows(
            "missing_results_have_a_reason",
            f"select {_SHOWN}, p_value from {{batch}} "
            "where (reason is null and (p_value is null or fixed_lower is null)) or "
            "(stratified_effect is not null and stratified_reason is null "
            "and (stratified_p_value is null or stratified_lower is null))",
            description="a result without a p-value says why",
            cure=_CURE,
        ),
    )


def experiment_decisions_suite(
    *,
    table: str = "analysis.experiment_decisions",
    quality: str = "analysis.experiment_quality",
) -> Suite:
    """Return the suite for decisions, beside the checks of ``quality``."""
    shown = "experiment_name, treatment, day_date, verdict, grounds, sentence"
    return Suite(
        name="experiment_decisions",
        table=table,
        description="Decisions rest on evidence and heed the checks.",
        expectations=(
            no_such_rows(
                "decisions_rest_on_evidence",
                f"select {shown} from {{batch}} where verdict not in {_VERDICTS} "
                "or trim(coalesce(sentence, '')) = '' or (verdict = 'ship' and "
                "(superior_count = 0 or deteriorated_count > 0)) "
                "or (verdict = 'stop_harm' and deteriorated_count = 0)",
                description="every decision is known and in words; nothing ships "
                "without a superior metric or with a deteriorated one",
                cure=_CURE,
            ),
            no_such_rows(
                "failed_checks_stop_decisions",
                f"select {shown} from (select * from {{batch}}) as told "
                "where verdict <> 'invalid' and exists "
                f"(select 1 from {quality} as found "
                "where found.experiment_name = told.experiment_name "
                "and found.day_date = told.day_date "
                "and found.severity = 'error' and not found.is_passed)",
                description="a day whose checks failed decides nothing",
                cure=_CURE,
            ),
        ),
    )


def experiment_quality_suite(*, table: str = "analysis.experiment_quality") -> Suite:
    """Return the suite for the checks of experiments: it shows their alarms."""
    return Suite(
        name="experiment_quality",
        table=table,
        description="Experiments run as they are declared.",
        expectations=(
            no_such_rows(
                "experiments_run_as_declared",
                "select experiment_name, check_name, dimension, dimension_value, "
                "variant, metric_name, severity, value, limit_value "
                "from (select *, max(day_date) over (partition by experiment_name) "
                "as last_day from {batch}) as dated "
                "where not is_passed and day_date = last_day",
                description="no alarm on the last day of any experiment: sample ratio, "
                "several or unknown variants, stray traffic, differing pasts, other "
                "variants than assigned",
                severity="warning",
                cure=_CURE_TRAFFIC,
            ),
        ),
    )
