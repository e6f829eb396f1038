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

-- Whole weeks and months are read where one of their days changed: distinct persons do
-- not add up over days. A local day lies on two UTC days.
{% set days_to_read %}
    select days.day_date + neighbour.offset_days as event_date
    from (
        select
            changed.activity_date,
            changed.activity_date + cast(shift.offset_days as integer) as day_date
        from ({{ changed_local_days_since(mark) }}) as changed
        cross join {{ numbers_between(-31, 31) }} as shift (offset_days)
    ) as days
    cross join (values (-1), (0), (1)) as neighbour (offset_days)
    where
        {% for period in ['week', 'month'] -%}
        {{ period_start_of(period, 'cast(days.day_date as timestamp)') }}
        = {{ period_start_of(period, 'cast(days.activity_date as timestamp)') }}
        {{ 'or' if not loop.last }}
        {% endfor -%}
{% endset %}

with person_days as (

    select
        event_name,
        person_key,
        date_trunc('day', {{ to_local_time('occurred_at') }}) as day_start,
        count(*) as event_count
    from {{ ref('int_events') }}
    where
        not is_bot
        and not is_internal
        {% if is_incremental() %}
        and {{ lies_on('event_date', changed_dates(days_to_read, 'event_date')) }}
        {% endif %}
    group by event_name, person_key, day_start

),

-- Period by period: each reads the days of its own that changed, and a person's days are
-- added up before persons are counted, which costs half of telling them apart.
{% for period in ['day', 'week', 'month'] %}
{% set changed_starts %}
    select {{ period_start_of(period, 'cast(activity_date as timestamp)') }} as period_start
    from ({{ changed_local_days_since(mark) }}) as changed
{% endset %}
{{ period }}s as (

    select
        event_name,
        '{{ period }}' as period,
        period_start,
        sum(event_count) as event_count,
        count(person_key) as person_count
    from (
        select
            event_name,
            person_key,
            {{ period_start_of(period, 'day_start') }} as period_start,
            sum(event_count) as event_count
        from person_days
        {% if is_incremental() %}
        where
            {{ lies_on(
                period_start_of(period, 'day_start'),
                changed_dates(changed_starts, 'period_start')
            ) }}
        {% endif %}
        group by event_name, person_key, period_start
    ) as of_persons
    group by event_name, period_start

),

{% endfor %}
counted as (

    select * from days
    union all
    select * from weeks
    union all
    select * from months

),

final as (

    select
        *,
        {{ period_key('period', 'period_start') }} as period_key,
        {{ newest_load() }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from counted

)

select * from final
