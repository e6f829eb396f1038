{{
    config(
        materialized='incremental',
        incremental_strategy=replaced_by_change(),
        unique_key='session_start_date',
        partition_by=partitions(['session_start_date']),
        meta={
            'declared_by': [
                'sessions_hash', 'event_rules_hash', 'page_view_events'
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
{% set heartbeats = fromjson(setting('heartbeat_events')) %}
{% set visit_seconds = setting('minimum_visit_seconds') %}
{% set starts = changed_dates(changed_session_days_since(mark), 'session_start_date') if is_incremental() else none %}
{% set lies_on_days = lies_on('events.event_date', days_of_sessions(starts)) %}

with session_days as (

    select *
    from {{ ref('int_session_days') }}
    where
        session_started_at is not null
        and {{ lies_on('session_start_date', starts) }}

),

ties as (

    {{ events_of_one_instant(lies_on_days) }}

),

described as (

    select
        events.{{ session_owner() }},
        events.session_started_at,
        {{ order_in_session('events', 'ties') }} as event_order,
        events.person_id,
        events.occurred_at,
        events.event_name,
        events.user_id,
        events.anonymous_id,
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
        {% if heartbeats %}
        -- Page views are told apart by their ids, which heartbeats carry too: a view
        -- whose own event got lost is known by them.
        events.event_name in {{ sql_list(heartbeats) }} as is_heartbeat,
        case
            when
                catalog_events.is_page_view
                or events.event_name in {{ sql_list(heartbeats) }}
                then {{ json_text_of('events.properties', "'$page_view_id'") }}
        end as page_view_id,
        {% endif %}
        catalog_events.is_page_view
    from {{ events_in_sessions(days='session_days') }} as events
    left join {{ ref('stg_catalog_events') }} as catalog_events
        on events.event_name = catalog_events.event_name
    left join ties
        on
            events.{{ session_owner() }} = ties.{{ session_owner() }}
            and events.occurred_at = ties.occurred_at
            and events.event_id = ties.event_id
    where {{ lies_on_days }}

),

final as (

    select
        {{ session_id_of('described') }} as session_id,
        {{ last_known('person_id') }} as person_id,
        {% if heartbeats %}
        -- A session known from a heartbeat on began when that page was opened.
        case
            when min_by(is_heartbeat, event_order)
                then min(occurred_at) - interval '{{ visit_seconds }}' second
            else min(occurred_at)
        end as started_at,
        {% else %}
        min(occurred_at) as started_at,
        {% endif %}
        max(occurred_at) as ended_at,
        cast(min(occurred_at) as date) as session_start_date,
        cast(
            {{ seconds_between('min(occurred_at)', 'max(occurred_at)') }}
            as double
        ) as duration_seconds,
        count(*) as event_count,
        {% if heartbeats %}
        count(case when is_heartbeat then 1 end) as heartbeat_count,
        count(distinct page_view_id) as page_view_count,
        {{ engaged_seconds() }} as engaged_seconds,
        {% else %}
        cast(0 as bigint) as heartbeat_count,
        count(case when is_page_view then 1 end) as page_view_count,
        cast(null as double) as engaged_seconds,
        {% endif %}
        {{ first_known('anonymous_id') }} as anonymous_id,
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
    group by {{ session_owner() }}, session_started_at
    {% if setting('session_requires_page_view') == 'true' %}
    having
        {% if heartbeats %}
        count(page_view_id) > 0
        {% else %}
        count(case when is_page_view then 1 end) > 0
        {% endif %}
    {% endif %}

)

select * from final
