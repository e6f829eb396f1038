"""What must be true of the ledger of forecasts before anything is reported from it.

One row per series, origin, target date and model version; a row, once written, is a
fact. How good forecasts are is measured in the ledger's roll-up, not gated here.
"""

from __future__ import annotations

from collections.abc import Sequence

from quality_checks.suites.rules import (
    has_columns,
    has_rows,
    never_null,
    no_such_rows,
    sql_list,
)
from quality_checks.verdict import Expectation, Suite

_KEY = (
    "metric_name, dimension, dimension_value, origin_date, target_date, model_version"
)
_FACTS = ("mean", "lower_80", "upper_80", "lower_95", "upper_95")
_BOUNDS = _FACTS[1:]
_MAY_BE_NEGATIVE = "metrics_that_may_be_negative"
_SHOWN = f"{_KEY}, {', '.join(_FACTS)}, flags"

_COLUMNS = (
    "metric_name",
    "dimension",
    "dimension_value",
    "origin_date",
    "target_date",
    "horizon_days",
    "model_version",
    *_FACTS,
    "scale",
    "training_days",
    "flags",
    "actual",
    "error",
    "in_80",
    "in_95",
)

# Score and forecast are both stored as doubles; what differs by more than rounding
# was not computed from the stored mean.
_ROUNDING = 1e-9

_CURE_MODEL = (
    "The forecaster wrote a row it must not write: nothing of this run is published. "
    "Run the tests of the analysis with the series shown; to publish meanwhile, take "
    "`forecast` off that metric in the catalog."
)
_CURE_LEDGER = (
    "Rows of the ledger are facts and are never rewritten. Restore the files of "
    "`lake/ledger/forecasts` from the last good copy and run again; a new way to "
    "forecast gets a new model_version."
)
_CURE_SCORES = (
    "Scores are derived: run again to compute them from the stored rows. If that does "
    "not help, the stored bounds were changed after scoring; see the ledger's files."
)


def forecasts_suite(
    *,
    table: str = "analysis.forecasts",
    may_be_negative: Sequence[str] = (),
    interval_score: str = "interval_score",
    previous: str | None = None,
) -> Suite:
    """Return the suite for the ledger of forecasts.

    may_be_negative: metrics whose figures may be below 0 (net revenue); all others
        must not. interval_score: column with the interval score of the 95 % interval.
    previous: relation with the forecasts of an earlier run (yesterday's published
        table); each of its rows must still stand unchanged. None: nothing to compare.
    """
    return Suite(
        name="forecasts",
        table=table,
        description="Forecasts are unique, ordered, finite, and never rewritten.",
        expectations=(
            has_columns(
                (*_COLUMNS, interval_score),
                exactly=False,
                cure="The table of forecasts was written by another version of the "
                "analysis: run again with this one.",
            ),
            _some_rows(),
            *_keys(table),
            *_figures(may_be_negative),
            *_scores(interval_score),
            *_unchanged(previous),
        ),
        setup_sql=(
            f"create or replace temp table {_MAY_BE_NEGATIVE} as "
            f"select unnest({sql_list(may_be_negative)}) as metric_name",
        ),
    )


def _some_rows() -> Expectation:
    return has_rows(
        "forecasts_exist",
        severity="warning",
        description="there is at least one forecast",
        cure="Ask for one in the catalog (`forecast: {horizon_days: 30}` on a metric); "
        "a series without a value in its last 28 days gets none.",
    )


def _keys(table: str) -> tuple[Expectation, ...]:
    return (
        *(
            never_null(column, table, _SHOWN, _CURE_MODEL)
            for column in ("metric_name", "origin_date", "target_date", "model_version")
        ),
        no_such_rows(
            "key_is_unique",
            f"select {_KEY}, count(*) as row_count from {{batch}} "
            "group by all having count(*) > 1",
            description=f"one row per {_KEY}",
            cure=_CURE_LEDGER,
        ),
        no_such_rows(
            "horizon_is_target_minus_origin",
            f"select {_KEY}, horizon_days from {{batch}} where horizon_days < 1 "
            "or horizon_days is distinct from "
            "date_diff('day', origin_date, target_date)",
            description="horizon_days are the days from origin_date to target_date, "
            "at least 1",
            cure=_CURE_MODEL,
        ),
    )


def _figures(may_be_negative: Sequence[str]) -> tuple[Expectation, ...]:
    none_known = " and ".join(f"coalesce(isnan({b}), true)" for b in _BOUNDS)
    all_finite = " and ".join(f"coalesce(isfinite({b}), false)" for b in _BOUNDS)
    below = " or ".join(f"{f} < 0" for f in _FACTS)
    unordered = " or ".join(
        f"{low} > {high}"
        for low, high in (
            ("lower_95", "lower_80"),
            ("lower_80", "mean"),
            ("mean", "upper_80"),
            ("upper_80", "upper_95"),
        )
    )
    return (
        no_such_rows(
            "figures_are_finite",
            f"select {_SHOWN} from {{batch}} where not coalesce(isfinite(mean), false) "
            f"or not ({all_finite} or ({none_known} "
            "and contains(coalesce(flags, ''), 'no_interval')))",
            description="the mean is finite, and so are all four bounds unless the row "
            "is flagged no_interval and has none",
            cure=_CURE_MODEL,
        ),
        no_such_rows(
            "bounds_are_ordered",
            # Comparisons with NaN are true on DuckDB: rows without bounds are left out.
            f"select {_SHOWN} from {{batch}} where ({all_finite}) and ({unordered})",
            description="lower_95 <= lower_80 <= mean <= upper_80 <= upper_95",
            cure=_CURE_MODEL,
        ),
        no_such_rows(
            "no_negative_forecast",
            f"select {_SHOWN} from {{batch}} where ({below}) "
            f"and metric_name not in (select metric_name from {_MAY_BE_NEGATIVE})",
            description="no figure is below 0 where the metric cannot be"
            + (f" (all but {', '.join(may_be_negative)})" if may_be_negative else ""),
            cure="If the metric can be negative (refunds, net changes), say so in the "
            "catalog. " + _CURE_MODEL,
        ),
        no_such_rows(
            "trained_on_something",
            f"select {_KEY}, training_days, scale from {{batch}} "
            "where not coalesce(training_days >= 1, false) or scale < 0",
            description="training_days are at least 1 and the scale is not negative",
            cure=_CURE_MODEL,
        ),
    )


def _scores(interval_score: str) -> tuple[Expectation, ...]:
    shown = f"{_SHOWN}, actual, error, in_80, in_95, {interval_score}"
    inside = " or ".join(
        f"(in_{level} is not null and in_{level} is distinct from "
        f"(actual between lower_{level} and upper_{level}))"
        for level in (80, 95)
    )
    return (
        no_such_rows(
            "error_is_actual_minus_mean",
            f"select {shown} from {{batch}} where (actual is null) <> (error is null) "
            f"or abs(error - (actual - mean)) > {_ROUNDING} * (1 + abs(actual) "
            "+ abs(mean))",
            description="error is actual minus mean, and is there when actual is",
            cure=_CURE_SCORES,
        ),
        no_such_rows(
            "hits_agree_with_bounds",
            f"select {shown} from {{batch}} where {inside}",
            description="in_80 and in_95 say whether the actual lies in the bounds",
            cure=_CURE_SCORES,
        ),
        no_such_rows(
            "interval_score_at_least_width",
            f"select {shown} from {{batch}} where {interval_score} < "
            f"(upper_95 - lower_95) - {_ROUNDING} * (1 + abs(upper_95))",
            description="the interval score is never below the interval's width",
            cure=_CURE_SCORES,
        ),
    )


def _unchanged(previous: str | None) -> tuple[Expectation, ...]:
    if previous is None:
        return ()
    same_key = " and ".join(
        f"ledger.{c} is not distinct from earlier.{c}" for c in _KEY.split(", ")
    )
    changed = " or ".join(
        f"ledger.{c} is distinct from earlier.{c}" for c in (*_FACTS, "scale")
    )
    facts = ", ".join(f"earlier.{f} as earlier_{f}, ledger.{f}" for f in _FACTS)
    keys = ", ".join(f"earlier.{c}" for c in _KEY.split(", "))
    return (
        no_such_rows(
            "ledger_is_not_rewritten",
            f"select {keys}, {facts} from {previous} as earlier "
            f"left join {{batch}} as ledger on {same_key} where {changed}",
            description="every forecast of an earlier run still stands as it was made",
            cure=_CURE_LEDGER,
        ),
    )
