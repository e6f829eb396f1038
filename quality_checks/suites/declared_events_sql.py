"""The measurements behind the declared-events suite, as SQL.

The new loads' own events are scanned for required properties and amounts; everything
about earlier loads comes from their manifests, never from their rows. What is
tolerated belongs in `declared_events.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quality_checks.suites.raw_events_sql import RawEventsRelations
from quality_checks.suites.rules import sql_list, sql_literal

MEASURES = "declared_events_measures"
REQUIRED = "required_properties"
COLUMNS = "event_columns_filled"
CHANGED_FIELDS = "changed_fields"
CURRENCIES = "unconverted_currencies"

_MANIFESTS = "load_manifests"
_EVENTS = RawEventsRelations().events


@dataclass(frozen=True)
class DeclaredEvents:
    """What the catalog declares, as far as this suite judges it.

    required: the required properties by event. columns: the event columns, in one of
    which a required property of that name may stand. rates: the compiled daily rates
    (`currency`, `valid_from`), None without a reporting currency. min_events: fewer
    are no evidence that something is gone: with half of the events carrying a value,
    20 without any are chance once in a million.
    """

    required: Mapping[str, Sequence[str]] = field(default_factory=dict)
    columns: Sequence[str] = ()
    rates: Path | None = None
    reporting_currency: str | None = None
    min_events: int = 20


def declared_events_views(lake: Path, load_ids: Sequence[str]) -> tuple[str, ...]:
    """Return the statements that read the manifests of a lake.

    load_ids: the new loads; all others are earlier ones.
    """
    manifests = sql_literal(f"{lake}/events/load=*/manifest.json")
    return (
        f"""
        create or replace temp table {_MANIFESTS} as
        select
            content ->> '$.load_id' as load_id,
            content ->> '$.source' as source,
            list_contains({sql_list(load_ids)}, content ->> '$.load_id') as is_new,
            coalesce(json_array_length(content, '$.replay_of'), 0) > 0 as is_replay,
            coalesce(cast(content ->> '$.totals.landed' as bigint), 0) as event_count,
            content -> '$.new_fields' as new_fields,
            content -> '$.filled_columns' as filled_columns
        from read_text({manifests})
        where content ->> '$.source' <> ''
        """,
    )


def measuring_sql(declared: DeclaredEvents) -> tuple[str, ...]:
    """Return the statements that make the tables judged, `MEASURES` of one row."""
    return (
        _fields_sql(),
        _changed_sql(),
        _required_sql(declared),
        _columns_sql(declared),
        _currencies_sql(declared),
        _measures_sql(),
    )


def _fields_sql() -> str:
    return f"""
        create or replace temp table fields_seen as
        with listed as (
            select
                load_id, source, is_new,
                unnest(cast(new_fields as json[])) as field
            from {_MANIFESTS}
        )
        select
            load_id, source, is_new,
            field ->> '$.event_name' as event_name,
            field ->> '$.property_name' as property_name,
            field ->> '$.json_type' as json_type
        from listed
    """


def _changed_sql() -> str:
    # An event that no earlier load had is new as a whole: its fields are no drift.
    return f"""
        create or replace temp table {CHANGED_FIELDS} as
        with earlier as (
            select
                source, event_name, property_name,
                string_agg(distinct json_type, ', ' order by json_type) as types
            from fields_seen where not is_new group by all
        )
        select
            seen.load_id, seen.source, seen.event_name, seen.property_name,
            seen.json_type, earlier.types as earlier_types
        from fields_seen as seen
        left join earlier using (source, event_name, property_name)
        where
            seen.is_new
            and (seen.source, seen.event_name) in (
                select (source, event_name) from earlier
            )
    """


def _required_sql(declared: DeclaredEvents) -> str:
    pairs = [
        f"({sql_literal(event)}, {sql_literal(name)}, {sql_literal(_pointer(name))})"
        for event, names in declared.required.items()
        for name in names
    ] or ["(null, null, null)"]
    names = {name for names in declared.required.values() for name in names}
    columns = " ".join(
        f"when {sql_literal(name)} then cast({name} as varchar)"
        for name in sorted(names & set(declared.columns))
    )
    column = f"case property_name {columns} end" if columns else "null"
    return f"""
        create or replace temp table {REQUIRED} as
        with declared (event_name, property_name, place) as (
            values {", ".join(pairs)}
        ),
        counted as (
            select
                source, event_name, property_name,
                count(*) as event_count,
                count(*) filter (
                    where
                        coalesce(json_type(properties, place), 'NULL') = 'NULL'
                        and ({column}) is null
                ) as missing_count
            from {_EVENTS}
            inner join declared using (event_name)
            group by all
        )
        select
            *,
            missing_count = event_count
            and event_count >= {declared.min_events}
            and (source, event_name, property_name) in (
                select (source, event_name, property_name)
                from fields_seen where not is_new
            ) as is_vanished
        from counted
    """


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _columns_sql(declared: DeclaredEvents) -> str:
    # Against the load before, not against all of history: a change that was accepted
    # is the new normal the night after. A late file of some hundred rows beside a load
    # of a million is no evidence.
    return f"""
        create or replace temp table {COLUMNS} as
        with filled as (
            select
                load_id, source, is_new, event_count,
                unnest(map_entries(cast(filled_columns as map(varchar, bigint))))
                    as entry
            from {_MANIFESTS}
            where filled_columns is not null and not is_replay
        ),
        before as (
            select * from filled
            where not is_new and event_count >= {declared.min_events}
            qualify load_id = max(load_id) over (partition by source)
        ),
        arrived as (
            select
                source, entry.key as column_name,
                sum(event_count) as event_count, sum(entry.value) as filled_count
            from filled where is_new group by all
        )
        select
            arrived.source, arrived.column_name, arrived.event_count,
            before.load_id as earlier_load,
            round(before.entry.value / before.event_count, 3) as earlier_share,
            arrived.filled_count = 0
            and arrived.event_count
            >= greatest({declared.min_events}, 0.1 * before.event_count)
            and before.entry.value >= 0.5 * before.event_count as is_vanished
        from arrived
        inner join before
            on arrived.source = before.source
            and arrived.column_name = before.entry.key
    """


def _currencies_sql(declared: DeclaredEvents) -> str:
    rates = "(select null::varchar as currency, null::date as valid_from where false)"
    if declared.rates is not None:
        rates = f"read_parquet({sql_literal(str(declared.rates))})"
    wanted = declared.reporting_currency
    is_foreign = f"code <> {sql_literal(wanted)}" if wanted else "false"
    return f"""
        create or replace temp table {CURRENCIES} as
        with first_rates as (
            select currency as code, min(valid_from) as first_rate_on
            from {rates} group by currency
        ),
        amounts as (
            select currency, upper(trim(currency)) as code, source, date
            from {_EVENTS} where revenue is not null and currency is not null
        )
        select
            currency, source,
            count(*) as amount_count,
            min(date) as first_day, max(date) as last_day,
            any_value(first_rate_on) as first_rate_on
        from amounts
        left join first_rates using (code)
        where {is_foreign} and (first_rate_on is null or date < first_rate_on)
        group by currency, source
    """


def _measures_sql() -> str:
    return f"""
        create or replace temp table {MEASURES} as
        with required as (
            select
                count(*) as required_property_count,
                coalesce(sum(event_count), 0) as required_event_count,
                coalesce(sum(missing_count), 0) as missing_property_count,
                count(*) filter (where is_vanished) as vanished_property_count
            from {REQUIRED}
        ),
        columns_judged as (
            select
                count(*) as column_count,
                count(*) filter (where is_vanished) as vanished_column_count
            from {COLUMNS}
        ),
        changes as (
            select
                count(*) filter (where earlier_types is null) as new_property_count,
                count(*) filter (where earlier_types is not null) as changed_type_count
            from {CHANGED_FIELDS}
        ),
        amounts as (
            select
                (select count(revenue) from {_EVENTS}) as amount_count,
                (select coalesce(sum(amount_count), 0) from {CURRENCIES})
                    as unconverted_count,
                (select count(*) from fields_seen) as field_count
        )
        select
            *,
            coalesce(unconverted_count / nullif(amount_count, 0), 0)
                as unconverted_share
        from required, columns_judged, changes, amounts
    """
