"""The measurements behind the raw-events suite, as SQL.

One scan of the new loads gives every share; the daily counts of the whole lake come
from Parquet metadata. What is tolerated belongs in `raw_events.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from quality_checks.suites.rules import sql_list, sql_literal

MEASURES = "raw_events_measures"
VOLUME = "raw_events_volume"

_HISTORY_DAYS = 28


@dataclass(frozen=True)
class RawEventsRelations:
    """Names of the relations the suite reads.

    events: rows of the new loads, canonical columns. history: rows of all loads, the
    new ones included; `date` (UTC day) and `occurred_at` are read. quarantine: rejected
    rows of the new loads.
    """

    events: str = "raw_events"
    history: str = "lake_events"
    quarantine: str = "raw_quarantine"


def raw_events_views(lake: Path, load_ids: Sequence[str]) -> tuple[str, ...]:
    """Return statements that make the three views over a lake folder.

    load_ids: the new loads; without any, events and quarantine are empty.
    """
    new = f"list_contains({sql_list(load_ids)}, load)"
    events = (
        f"read_parquet({sql_literal(f'{lake}/events/load=*/date=*/*.parquet')}, "
        "hive_partitioning = true, hive_types = {'load': varchar, 'date': date})"
    )
    quarantine = (
        f"read_parquet({sql_literal(f'{lake}/quarantine/load=*/*.parquet')}, "
        "hive_partitioning = true, hive_types = {'load': varchar})"
    )
    names = RawEventsRelations()
    return (
        f"create or replace temp view {names.history} as select * from {events}",
        f"create or replace temp view {names.events} as "
        f"select * from {events} where {new}",
        f"create or replace temp view {names.quarantine} as "
        f"select * from {quarantine} where {new}",
    )


def measuring_sql(
    relations: RawEventsRelations,
    *,
    event_names: Sequence[str],
    as_of: datetime,
    floor: datetime,
    future_hours: int,
    revenue_limits: tuple[float | None, float | None],
    volume_min_expected: float,
    volume_min_history_days: int,
    volume_max_days_judged: int,
    empty_days_stop: bool = True,
) -> tuple[str, ...]:
    """Return the statements that make the tables `MEASURES` (one row) and `VOLUME`.

    `VOLUME` has one row per judged day: `event_count`, `expected`, `ratio` (null where
    nothing can be expected) and `stopping_ratio` (null also for an empty day that newer
    events followed, unless `empty_days_stop`).
    """
    return (
        "create or replace temp table declared_event_names as "
        f"select unnest({sql_list(event_names)}) as event_name",
        # Older days are neither judged nor needed: their files stay closed.
        "create or replace temp table raw_events_days as select date as event_date, "
        f"count(*) as event_count from {relations.history} where date >= date "
        f"'{as_of:%Y-%m-%d}' - {_HISTORY_DAYS + volume_max_days_judged} group by date",
        # A variable is a constant to the planner: only the newest day is opened.
        "set variable newest_day = (select max(event_date) from raw_events_days)",
        _counts_sql(relations, floor, future_hours, revenue_limits),
        _volume_sql(
            relations,
            as_of,
            volume_min_expected,
            volume_min_history_days,
            volume_max_days_judged,
            empty_days_stop,
        ),
        _measures_sql(relations, as_of),
    )


def _counts_sql(
    relations: RawEventsRelations,
    floor: datetime,
    future_hours: int,
    revenue_limits: tuple[float | None, float | None],
) -> str:
    warn, fail = (
        f"{limit}" if limit is not None else "null" for limit in revenue_limits
    )
    # Hashes instead of texts: 64 bits collide once in 10^6 runs of 5M events, and the
    # distinct count takes a fraction of the memory.
    return f"""
        create or replace temp table raw_events_counts as
        select
            count(*) as event_count,
            count(event_id) - count(distinct
                case when event_id is not null then hash(event_id) end
            ) as duplicate_count,
            count(*) filter (
                where user_id is null and anonymous_id is null
            ) as nobody_count,
            count(*) filter (
                where occurred_at > received_at + interval {future_hours} hours
            ) as future_count,
            count(*) filter (where occurred_at < timestamp '{floor}') as floor_count,
            count(revenue) as revenue_count,
            count(*) filter (where abs(revenue) > {warn}) as revenue_warn_count,
            count(*) filter (where abs(revenue) > {fail}) as revenue_fail_count,
            count(currency) as currency_count,
            count(*) filter (
                where not regexp_full_match(currency, '[A-Z][A-Z][A-Z]')
            ) as currency_wrong_count,
            cast(min(occurred_at) as date) as first_day
        from {relations.events}
    """


def _volume_sql(
    relations: RawEventsRelations,
    as_of: datetime,
    min_expected: float,
    min_history_days: int,
    max_days_judged: int,
    empty_days_stop: bool,
) -> str:
    # Expected is the smaller of two medians: of the 28 days before, and of the same
    # weekday in the 4 weeks before, so that a shop closed on Saturdays is not alarmed
    # every Saturday. Days without events count as 0, but not those before the first
    # day in sight with one: the product may not have begun. The open day of `as_of`
    # is not judged.
    return f"""
        create or replace temp table {VOLUME} as
        with bounds as (
            select
                (select min(event_date) from raw_events_days) as first_seen,
                date '{as_of:%Y-%m-%d}' - 1 as last_judged,
                (select first_day from raw_events_counts) as first_new
        ),
        judged as (
            select cast(unnest(generate_series(
                least(
                    last_judged,
                    greatest(
                        coalesce(first_new, last_judged),
                        last_judged - {max_days_judged - 1}
                    )
                ),
                last_judged,
                interval 1 day
            )) as date) as event_date, first_seen
            from bounds
        ),
        pairs as (
            select judged.event_date, back, coalesce(days.event_count, 0) as before
            from judged
            cross join range(1, {_HISTORY_DAYS} + 1) as offsets (back)
            left join raw_events_days as days
                on days.event_date = judged.event_date - cast(back as integer)
            where judged.event_date - cast(back as integer) >= first_seen
        ),
        usual as (
            select
                event_date,
                count(*) as history_days,
                least(
                    median(before),
                    coalesce(median(before) filter (where back % 7 = 0), median(before))
                ) as expected
            from pairs
            group by event_date
        )
        select
            judged.event_date,
            coalesce(days.event_count, 0) as event_count,
            usual.expected,
            case
                when
                    usual.history_days >= {min_history_days}
                    and usual.expected >= {min_expected}
                then coalesce(days.event_count, 0) / usual.expected
            end as ratio,
            case
                when
                    {empty_days_stop}
                    or days.event_count > 0
                    or getvariable('newest_day') < judged.event_date
                    or getvariable('newest_day') is null
                then ratio
            end as stopping_ratio
        from judged
        left join usual using (event_date)
        left join raw_events_days as days using (event_date)
    """


def _measures_sql(relations: RawEventsRelations, as_of: datetime) -> str:
    # No rows give shares of 0, no judged day a ratio of 1: nothing was broken. That
    # nothing arrived is said by freshness and volume.
    return f"""
        create or replace temp table {MEASURES} as
        with unknown as (
            select coalesce(sum(event_count), 0) as unknown_count
            from (
                select event_name, count(*) as event_count
                from {relations.events} group by event_name
            ) anti join declared_event_names using (event_name)
            where event_name is not null
        ),
        quarantined as (
            select count(*) as quarantine_count from {relations.quarantine}
        ),
        newest as (
            select max(occurred_at) as newest_event_at
            from {relations.history}
            where date = getvariable('newest_day')
        ),
        lowest as (
            select
                coalesce(min(ratio), 1) as lowest_ratio,
                coalesce(min(stopping_ratio), 1) as lowest_stopping_ratio
            from {VOLUME}
        ),
        gathered as (
            select *, event_count + quarantine_count as delivered_count
            from raw_events_counts, unknown, quarantined, newest, lowest
        )
        select
            *,
            coalesce(duplicate_count / nullif(event_count, 0), 0) as duplicate_share,
            coalesce(nobody_count / nullif(event_count, 0), 0) as nobody_share,
            coalesce(future_count / nullif(event_count, 0), 0) as future_share,
            coalesce(floor_count / nullif(event_count, 0), 0) as floor_share,
            coalesce(unknown_count / nullif(event_count, 0), 0) as unknown_share,
            coalesce(
                quarantine_count / nullif(delivered_count, 0), 0
            ) as quarantine_share,
            coalesce(
                currency_wrong_count / nullif(currency_count, 0), 0
            ) as currency_share,
            date_diff('second', newest_event_at, timestamp '{as_of:%Y-%m-%d %H:%M:%S}')
            / 3600 as hours_behind
        from gathered
    """
