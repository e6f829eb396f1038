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

-- Period by period: each reads the days of those that changed, whole, as distinct persons
-- do not add up over days. A person's events are added up before persons are counted,
-- which costs half of telling them apart.
with
{% for period in ['day', 'week', 'month'] %}
{% set changed_starts %}
    select {{ period_start_of(period, 'cast(activity_date as timestamp)') }} as period_start
    from ({{ changed_local_days_since(mark) }}) as changed
{% endset %}
{% set starts = changed_dates(changed_starts, 'period_start') if is_incremental() else none %}
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
            {{ period_start_of(period, to_local_time('occurred_at')) }} as period_start,
            count(*) as event_count
        from {{ ref('int_events') }}
        where
            not is_bot
            and not is_internal
            and {{ lies_on('event_date', days_of_periods(period, starts)) }}
        group by event_name, person_key, period_start
    ) as of_persons
    where {{ lies_on('period_start', starts) }}
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
