"""What must be true of newly landed events before anything is derived from them.

The rows of the new loads are judged by themselves and their daily volume against the
lake's own history. Costly measures are taken once, in one scan, by `raw_events_sql`;
Great Expectations judges the measured figures (5M rows in Parquet, 20 checks, 2
threads: 2.5 s and 0.57 GB, of which 0.30 GB are the library itself). What ingestion
rejects row by row is only counted here; rules on derived tables are dbt tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from quality_checks.suites.raw_events_limits import RawEventsLimits
from quality_checks.suites.raw_events_sql import (
    MEASURES,
    VOLUME,
    RawEventsRelations,
    measuring_sql,
    raw_events_views,
)
from quality_checks.suites.rules import (
    has_columns,
    measured_at_most,
    never_null,
)
from quality_checks.verdict import Expectation, Severity, Suite

__all__ = [
    "RawEventsLimits",
    "RawEventsRelations",
    "raw_events_suite",
    "raw_events_views",
]


def raw_events_suite(
    *,
    columns: Sequence[str],
    event_names: Sequence[str],
    as_of: datetime,
    limits: RawEventsLimits | None = None,
    relations: RawEventsRelations | None = None,
) -> Suite:
    """Return the suite for the events of the new loads.

    columns: exactly the columns the events relation must have, partition columns
        included. event_names: names the tracking plan declares. as_of: instant (UTC,
        without zone) up to which data should be there; its own day counts as open.
    limits: tolerances. relations: names of the three views judged, made by
        `raw_events_views` or by the caller.
    """
    limits = limits or RawEventsLimits()
    relations = relations or RawEventsRelations()
    return Suite(
        name="raw_events",
        table=relations.events,
        description="Newly landed events are whole, plausible, and as many as usual.",
        expectations=(
            has_columns(columns, exactly=True, cure=_CURE_COLUMNS),
            *_never_null(relations.events),
            *_shares(limits, relations),
            *_clocks(limits, relations),
            *_unknown_names(limits, relations),
            *_freshness(limits),
            *_volume(limits),
            *_money(limits, relations),
        ),
        setup_sql=measuring_sql(
            relations,
            event_names=event_names,
            as_of=as_of,
            floor=limits.floor,
            future_hours=limits.future_hours,
            revenue_limits=(limits.revenue_warn, limits.revenue_fail),
            volume_min_expected=limits.volume_min_expected,
            volume_min_history_days=limits.volume_min_history_days,
            volume_max_days_judged=limits.volume_max_days_judged,
            empty_days_stop=limits.empty_days == "fail",
        ),
    )


_SHOWN = "event_id, event_name, occurred_at, source, load_id"

_CURE_COLUMNS = (
    "A load was written by another version, or files were put into the lake by hand. "
    "Land the files again with this version; the lake holds canonical events only."
)
_CURE_NULL = (
    "Ingestion must quarantine such rows. Look at the source's mapping of this column, "
    "move the load out of the lake, and land its files again."
)


def _never_null(table: str) -> tuple[Expectation, ...]:
    return tuple(
        never_null(column, table, _SHOWN, _CURE_NULL)
        for column in ("event_id", "event_name", "occurred_at")
    )


def _steps(
    name: str,
    measure: str,
    warn: float | None,
    fail: float | None,
    *,
    description: str,
    cure: str,
    evidence_sql: str,
    examples_sql: str | None = None,
) -> tuple[Expectation, ...]:
    """Make the rule `name` (critical) and `name`_early_warning on one measure."""
    steps: tuple[tuple[str, float | None, Severity], ...] = (
        (name, fail, "critical"),
        (f"{name}_early_warning", warn, "warning"),
    )
    return tuple(
        measured_at_most(
            step,
            measure,
            limit,
            table=MEASURES,
            severity=severity,
            description=description.format(limit=f"{100 * limit:g} %"),
            cure=cure,
            evidence_sql=evidence_sql,
            examples_sql=examples_sql,
        )
        for step, limit, severity in steps
        if limit is not None
    )


def _counted(count: str, of: str) -> str:
    return f"select {count}, {of}, null from {MEASURES}"


def _shares(
    limits: RawEventsLimits, relations: RawEventsRelations
) -> tuple[Expectation, ...]:
    return (
        *_steps(
            "events_without_ids",
            "nobody_share",
            limits.nobody_share_warn,
            limits.nobody_share_fail,
            description="at most {limit} of the events carry neither user_id nor "
            "anonymous_id",
            cure="Check that the client sends its device or user id, and that the "
            "source's mapping names the right fields.",
            evidence_sql=_counted("nobody_count", "event_count"),
            examples_sql=f"select {_SHOWN} from {relations.events} "
            "where user_id is null and anonymous_id is null",
        ),
        *_steps(
            "duplicate_event_ids",
            "duplicate_share",
            limits.duplicate_share_warn,
            limits.duplicate_share_fail,
            description="at most {limit} of the events repeat an event_id",
            cure="Look whether a file was delivered twice under another name or the "
            "client reuses ids. Copies are removed downstream; distinct events under "
            "one id would be lost there.",
            evidence_sql=_counted("duplicate_count", "event_count"),
            examples_sql="select event_id, count(*) as copies, "
            "any_value(event_name) as event_name, any_value(source) as source "
            f"from {relations.events} group by event_id having count(*) > 1 "
            "order by copies desc, event_id",
        ),
        *_steps(
            "quarantined_rows",
            "quarantine_share",
            limits.quarantine_share_warn,
            limits.quarantine_share_fail,
            description="at most {limit} of the delivered rows are quarantined",
            cure="Run `daybreak quarantine list`: each reason names its cure. Correct "
            "the client or the mapping, then `daybreak quarantine replay`.",
            evidence_sql=_counted("quarantine_count", "delivered_count"),
            examples_sql="select reason_code, source, count(*) as row_count, "
            "any_value(file) as file, any_value(line_number) as line_number, "
            f"any_value(reason) as reason from {relations.quarantine} "
            "group by reason_code, source order by row_count desc",
        ),
    )


def _clocks(
    limits: RawEventsLimits, relations: RawEventsRelations
) -> tuple[Expectation, ...]:
    shown = f"select {_SHOWN}, received_at from {relations.events}"
    hours, floor = limits.future_hours, f"timestamp '{limits.floor}'"
    cure = (
        "Ingestion quarantines impossible clocks, so these rows came past it: move "
        "the load out of the lake and land its files again."
    )
    return (
        *_steps(
            "occurred_after_received",
            "future_share",
            None,
            limits.future_share_fail,
            description=f"at most {{limit}} of the events occurred more than {hours} h "
            "after they were received",
            cure=cure,
            evidence_sql=_counted("future_count", "event_count"),
            examples_sql=f"{shown} where occurred_at > received_at + "
            f"interval {hours} hours",
        ),
        *_steps(
            "occurred_before_floor",
            "floor_share",
            None,
            limits.floor_share_fail,
            description=f"at most {{limit}} of the events occurred before "
            f"{limits.floor:%Y-%m-%d}",
            cure=cure,
            evidence_sql=_counted("floor_count", "event_count"),
            examples_sql=f"{shown} where occurred_at < {floor}",
        ),
    )


def _unknown_names(
    limits: RawEventsLimits, relations: RawEventsRelations
) -> tuple[Expectation, ...]:
    if limits.unknown_events == "ignore":
        return ()
    return (
        measured_at_most(
            "undeclared_event_names",
            "unknown_share",
            limits.unknown_share,
            table=MEASURES,
            severity="critical" if limits.unknown_events == "fail" else "warning",
            description="every event name is declared in the tracking plan",
            cure="Declare the event in the catalog's `events.yml`, or correct the name "
            "where the client sends it. Its rows are kept.",
            evidence_sql=_counted("unknown_count", "event_count"),
            examples_sql="select event_name, count(*) as event_count, "
            "any_value(source) as source, max(occurred_at) as last_seen "
            f"from {relations.events} anti join declared_event_names "
            "using (event_name) group by event_name order by event_count desc",
        ),
    )


def _freshness(limits: RawEventsLimits) -> tuple[Expectation, ...]:
    if limits.freshness_hours_warn is None:
        return ()
    return (
        measured_at_most(
            "newest_event_is_recent",
            "hours_behind",
            limits.freshness_hours_warn,
            table=MEASURES,
            severity="warning",
            description="the newest event is at most "
            f"{limits.freshness_hours_warn:g} hours old at the run's as-of instant",
            cure="See whether the client or the export still delivers: the landing "
            "folder should have received a newer file.",
            evidence_sql="select null, null, coalesce('the newest event is of ' || "
            "strftime(newest_event_at, '%Y-%m-%d %H:%M:%S') || ' UTC, ' || "
            "round(hours_behind, 1) || ' hours back', "
            f"'there are no events in the weeks before') from {MEASURES}",
        ),
    )


def _volume(limits: RawEventsLimits) -> tuple[Expectation, ...]:
    steps: tuple[tuple[str, str, float | None, Severity], ...] = (
        ("daily_volume", "stopping_ratio", limits.volume_ratio_fail, "critical"),
        ("daily_volume_early_warning", "ratio", limits.volume_ratio_warn, "warning"),
    )
    return tuple(
        _volume_step(name, measure, limit, severity)
        for name, measure, limit, severity in steps
        if limit is not None
    )


def _volume_step(
    name: str, measure: str, limit: float, severity: Severity
) -> Expectation:
    low = f"{measure} < {limit}"
    return Expectation(
        name=name,
        expectation_type="expect_column_min_to_be_between",
        kwargs={"column": f"lowest_{measure}", "min_value": limit},
        severity=severity,
        table=MEASURES,
        description=f"every new complete day has at least {100 * limit:g} % of the "
        "usual number of events",
        cure="Look for a missing file or a client that stopped sending; deliver what "
        "is missing and run again. If the drop is real, lower the limit for this run; "
        "a business that closes on some days sets `empty_days` to warn.",
        evidence_sql=f"select count(*) filter (where {low}), count({measure}), "
        f"count(*) filter (where {low}) || ' of ' || count({measure}) || ' days judged "
        f"are low' || coalesce('; the lowest has ' || "
        f"round(100 * min({measure}), 1) || ' % of the usual', '') from {VOLUME}",
        examples_sql=f"select event_date, event_count, expected, ratio "
        f"from {VOLUME} where {low} order by ratio, event_date",
    )


def _money(
    limits: RawEventsLimits, relations: RawEventsRelations
) -> tuple[Expectation, ...]:
    revenue: tuple[tuple[str, str, float | None, Severity], ...] = (
        ("revenue_in_range", "revenue_fail", limits.revenue_fail, "critical"),
        (
            "revenue_in_range_early_warning",
            "revenue_warn",
            limits.revenue_warn,
            "warning",
        ),
    )
    return (
        *(
            measured_at_most(
                name,
                f"{measure}_count",
                0,
                table=MEASURES,
                severity=severity,
                description=f"no event has a revenue beyond {limit:,.0f} either way",
                cure="Look at the unit (cents?) and the currency in the source's "
                "mapping; correct it and land the files again, or raise the limit.",
                evidence_sql=_counted(f"{measure}_count", "revenue_count"),
                examples_sql=f"select {_SHOWN}, revenue, currency "
                f"from {relations.events} where abs(revenue) > {limit} "
                "order by abs(revenue) desc",
            )
            for name, measure, limit, severity in revenue
            if limit is not None
        ),
        *_steps(
            "currency_codes",
            "currency_share",
            limits.currency_share_warn,
            limits.currency_share_fail,
            description="at most {limit} of the currencies are not three capital "
            "letters",
            cure="Send ISO 4217 codes (USD, EUR), or map the field to one.",
            evidence_sql=_counted("currency_wrong_count", "currency_count"),
            examples_sql=f"select currency, count(*) as event_count, "
            f"any_value(source) as source from {relations.events} "
            "where not regexp_full_match(currency, '[A-Z][A-Z][A-Z]') "
            "group by currency order by event_count desc",
        ),
    )
