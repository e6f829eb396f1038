{{
    config(
        materialized='incremental',
        incremental_strategy=replaced_by_change(),
        unique_key='activity_date',
        partition_by=partitions(['activity_date']),
        meta={
            'declared_by': ['activity_filter_sql', 'event_rules_hash', 'reporting_timezone'],
            'changed': {
                'column': 'activity_date',
                'values': 'changed_local_days_since',
                'mark': 'built_through_load_id'
            }
        }
    )
}}

{% set mark = high_water_mark('built_through_load_id') %}

with events as (

    select
        person_id,
        event_id,
        event_name,
        occurred_at,
        user_id,
        revenue,
        cast({{ to_local_time('occurred_at') }} as date) as activity_date
    from {{ ref('int_events') }}
    where
        person_id is not null
        and not is_bot
        and not is_internal
        {% if is_incremental() %}
        -- A local day spans two UTC days, and a changed UTC day lies on two local ones.
        and {{ lies_in_changed_days('event_date', mark, days_around=2) }}
        {% endif %}

),

final as (

    select
        events.person_id,
        events.activity_date,
        count(*) as event_count,
        count(case when coalesce(catalog_events.is_activity, true) then 1 end)
            as activity_event_count,
        min(events.occurred_at) as first_event_at,
        max(events.occurred_at) as last_event_at,
        min(case when coalesce(catalog_events.is_activity, true) then events.occurred_at end)
            as first_activity_at,
        min(events.user_id) as user_id,
        coalesce(sum(events.revenue), 0) as revenue,
        {{ newest_load() }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from events
    left join {{ ref('stg_catalog_events') }} as catalog_events
        on events.event_name = catalog_events.event_name
    {% if is_incremental() %}
    where
        events.activity_date in (
            select activity_date from ({{ changed_local_days_since(mark) }}) as changed
        )
    {% endif %}
    group by events.person_id, events.activity_date
    -- Days of one person that lie together are followed at little more than half the
    -- cost: WAU and MAU of 10 million events 0.35 s of processor time instead of 0.57 s.
    order by events.person_id, events.activity_date

)

select * from final
