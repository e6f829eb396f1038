"""What must be true of the list of incidents before anyone is told about one.

One row per incident: a burst of days that a metric's own past does not explain. How
many incidents are right is measured by the detector's benchmark, not gated here.
"""

from __future__ import annotations

from datetime import date

from quality_checks.suites.rules import has_columns, never_null, no_such_rows
from quality_checks.verdict import Expectation, Suite

_SERIES = "metric_name, dimension, dimension_value"
_NUMBERS = ("peak_value", "expected", "lower", "upper", "score")
_SHOWN = (
    f"incident_id, {_SERIES}, direction, status, started_on, ended_on, peak_date, "
    f"{', '.join(_NUMBERS)}"
)
_COLUMNS = (
    "incident_id",
    "metric_name",
    "dimension",
    "dimension_value",
    "started_on",
    "ended_on",
    "direction",
    "peak_date",
    *_NUMBERS,
    "status",
    "explanation",
)

_CURE = (
    "The detector wrote an incident it must not write: nothing of this run is "
    "published. Run the tests of the analysis with the series shown."
)


def anomalies_suite(
    *, table: str = "analysis.anomalies", as_of_date: date | None = None
) -> Suite:
    """Return the suite for the list of incidents.

    as_of_date: last complete day; no incident may start later. None: not checked.
    An empty list is fine: quiet weeks exist.
    """
    return Suite(
        name="anomalies",
        table=table,
        description="Incidents are unique, dated, outside their interval, and apart.",
        expectations=(
            has_columns(
                _COLUMNS,
                exactly=False,
                cure="The list of incidents was written by another version of the "
                "analysis: run again with this one.",
            ),
            *(
                never_null(column, table, _SHOWN, _CURE)
                for column in ("incident_id", "metric_name", "started_on", "peak_date")
            ),
            *_identity(),
            *_dates(as_of_date),
            *_figures(),
        ),
    )


def _identity() -> tuple[Expectation, ...]:
    return (
        no_such_rows(
            "incident_is_unique",
            "select incident_id, count(*) as row_count from {batch} "
            "group by incident_id having count(*) > 1",
            description="one row per incident_id",
            cure=_CURE,
        ),
        no_such_rows(
            "direction_and_status_are_known",
            f"select {_SHOWN} from {{batch}} where "
            "not coalesce(direction in ('up', 'down'), false) or "
            "not coalesce(status in ('open', 'closed'), false)",
            description="direction is up or down, status is open or closed",
            cure=_CURE,
        ),
        no_such_rows(
            "incidents_do_not_overlap",
            f"select * from (select {_SHOWN}, max(coalesce(ended_on, date '9999-12-31')"
            f") over (partition by {_SERIES}, direction order by started_on, "
            "incident_id rows between unbounded preceding and 1 preceding) "
            "as earlier_ends_on from {batch}) as dated "
            "where started_on <= earlier_ends_on",
            description="incidents of one series and direction do not share a day",
            cure="One burst must be one incident. " + _CURE,
        ),
        no_such_rows(
            "explanation_is_given",
            f"select {_SHOWN}, explanation from {{batch}} "
            "where trim(coalesce(explanation, '')) = ''",
            description="every incident is explained in a sentence",
            severity="warning",
            cure="The report shows the figures without words; see the detector.",
        ),
    )


def _dates(as_of_date: date | None) -> tuple[Expectation, ...]:
    late = f" or started_on > date '{as_of_date}'" if as_of_date else ""
    limit = f", and start by {as_of_date}" if as_of_date else ""
    return (
        no_such_rows(
            "dates_are_ordered",
            f"select {_SHOWN} from {{batch}} where started_on > peak_date "
            f"or peak_date > ended_on or started_on > ended_on{late}",
            description=f"incidents start, peak and end in this order{limit}",
            cure=_CURE,
        ),
        no_such_rows(
            "open_means_without_end",
            f"select {_SHOWN} from {{batch}} "
            "where (status = 'open') is distinct from (ended_on is null)",
            description="an incident is open exactly while it has no end",
            cure=_CURE,
        ),
    )


def _figures() -> tuple[Expectation, ...]:
    finite = " and ".join(f"coalesce(isfinite({n}), false)" for n in _NUMBERS)
    return (
        no_such_rows(
            "figures_are_finite",
            f"select {_SHOWN} from {{batch}} where not ({finite})",
            description=f"{', '.join(_NUMBERS)} are finite numbers",
            cure=_CURE,
        ),
        no_such_rows(
            "interval_holds_expectation",
            f"select {_SHOWN} from {{batch}} "
            "where lower > expected or expected > upper",
            description="the expected value lies in its own interval",
            cure=_CURE,
        ),
        no_such_rows(
            "peak_is_outside_interval",
            f"select {_SHOWN} from {{batch}} where "
            "(direction = 'up' and not coalesce(peak_value > upper, false)) or "
            "(direction = 'down' and not coalesce(peak_value < lower, false))",
            description="the peak lies above the interval (up) or below it (down)",
            cure=_CURE,
        ),
    )
