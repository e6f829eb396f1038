{{
    config(
        materialized='incremental',
        incremental_strategy=replaced_by_change(),
        unique_key='period_key',
        meta={
            'declared_by': ['event_rules_hash', 'reporting_timezone', 'week_start'],
            'changed': {
                'column': 'period_key',
                'values': 'changed_periods_since',
                'mark': 'built_through_load_id'
            }
        }
    )
}}

{% set mark = high_water_mark('built_through_load_id') %}

with changed_periods as (

    {{ changed_periods_since(mark) }}

),

-- Whole weeks and months are read where one of their days changed: distinct persons do
-- not add up over days. A local day lies on two UTC days.
days_to_read as (

    select distinct calendar.date_day + neighbour.offset_days as event_date
    from {{ ref('int_calendar_days') }} as calendar
    inner join changed_periods
        on changed_periods.period_key in (
            {{ period_key("'week'", 'calendar.week_start') }},
            {{ period_key("'month'", 'calendar.month_start') }}
        )
    cross join (values (-1), (0), (1)) as neighbour (offset_days)

),

person_days as (

    select
        event_name,
        person_id,
        date_trunc('day', {{ to_local_time('occurred_at') }}) as period_day,
        count(*) as event_count
    from {{ ref('int_events') }}
    where
        not is_bot
        and not is_internal
        {% if is_incremental() %}
        and event_date in (select event_date from days_to_read)
        {% endif %}
    group by event_name, person_id, period_day

),

in_periods as (

    select
        *,
        {{ week_start_of('period_day') }} as period_week,
        date_trunc('month', period_day) as period_month
    from person_days

),

counted as (

    select
        event_name,
        case
            when grouping(period_day) = 0 then 'day'
            when grouping(period_week) = 0 then 'week'
            else 'month'
        end as period,
        coalesce(period_day, period_week, period_month) as period_start,
        sum(event_count) as event_count,
        count(distinct person_id) as person_count
    from in_periods
    group by grouping sets (
        (event_name, period_day), (event_name, period_week), (event_name, period_month)
    )

),

final as (

    select
        *,
        {{ period_key('period', 'period_start') }} as period_key,
        {{ newest_load() }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from counted
    {% if is_incremental() %}
    where
        {{ period_key('period', 'period_start') }}
        in (select period_key from changed_periods)
    {% endif %}

)

select * from final
