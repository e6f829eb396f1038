{{
    config(
        materialized='incremental',
        incremental_strategy=replaced_by_change(),
        unique_key='session_start_date',
        partition_by=partitions(['session_start_date']),
        meta={
            'declared_by': [
                'sessions_hash', 'traffic_rules_hash', 'page_view_events'
            ],
            'changed': {
                'column': 'session_start_date',
                'values': 'changed_session_days_since',
                'mark': 'built_through_load_id'
            }
        }
    )
}}

{% set mark = high_water_mark('built_through_load_id') %}

with placed as (

    select * from {{ ref('int_events_sessionized') }}
    {% if is_incremental() %}
    where session_start_date in ({{ changed_session_days_since(mark) }})
    {% endif %}

),

described as (

    select
        placed.session_id,
        placed.session_started_at,
        placed.session_start_date,
        placed.person_id,
        placed.occurred_at,
        placed.event_order,
        events.event_name,
        events.user_id,
        events.page,
        events.referrer,
        events.utm_source,
        events.utm_medium,
        events.utm_campaign,
        events.platform,
        events.app_version,
        events.country,
        events.device_type,
        events.revenue,
        events.is_bot,
        events.is_internal,
        catalog_events.is_page_view
    from placed
    inner join {{ ref('int_events') }} as events
        on
            placed.event_id = events.event_id
            and placed.event_date = events.event_date
    left join {{ ref('stg_catalog_events') }} as catalog_events
        on events.event_name = catalog_events.event_name

),

final as (

    select
        session_id,
        min(person_id) as person_id,
        min(session_started_at) as started_at,
        max(occurred_at) as ended_at,
        session_start_date,
        cast(
            {{ seconds_between('min(session_started_at)', 'max(occurred_at)') }}
            as double
        ) as duration_seconds,
        count(*) as event_count,
        count(case when is_page_view then 1 end) as page_view_count,
        {{ first_known('page') }} as landing_page,
        {{ last_known('page') }} as exit_page,
        {{ first_known('referrer') }} as referrer,
        {{ first_known('utm_source') }} as utm_source,
        {{ first_known('utm_medium') }} as utm_medium,
        {{ first_known('utm_campaign') }} as utm_campaign,
        {{ first_known('platform') }} as platform,
        {{ first_known('app_version') }} as app_version,
        {{ first_known('country') }} as country,
        {{ first_known('device_type') }} as device_type,
        {{ last_known('user_id') }} as user_id,
        coalesce(sum(revenue), 0) as revenue,
        bool_or(is_bot) as is_bot,
        bool_or(is_internal) as is_internal,
        {{ newest_load() }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from described
    group by session_id, session_start_date

)

select * from final
