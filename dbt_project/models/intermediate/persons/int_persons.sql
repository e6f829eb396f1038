{{
    config(
        materialized='incremental',
        incremental_strategy=replaced_by_change(),
        unique_key='person_id',
        meta={
            'declared_by': [
                'activity_filter_sql',
                'event_rules_hash',
                'page_view_events',
                'reporting_timezone',
                'sessions_hash'
            ],
            'changed': {
                'column': 'person_id',
                'values': 'persons_with_changes',
                'mark': 'built_through_load_id'
            }
        }
    )
}}

-- Read only where there is something to build on:
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_events') }}
{% set mark = high_water_mark('built_through_load_id') %}

with
{% if is_incremental() %}
changed_persons as {{ computed_once() }} (

    {{ persons_with_changes(mark) }}

),

{% endif %}
person_days as (

    select
        person_id,
        min(first_event_at) as first_seen_at,
        max(last_event_at) as last_seen_at,
        min(activity_date) as first_seen_on,
        max(activity_date) as last_seen_on,
        min(case when activity_event_count > 0 then activity_date end) as first_active_on,
        max(case when activity_event_count > 0 then activity_date end) as last_active_on,
        count(case when activity_event_count > 0 then 1 end) as active_day_count,
        sum(event_count) as event_count,
        sum(revenue) as revenue,
        max(user_id) as user_id
    from {{ ref('int_person_days') }}
    {% if is_incremental() %}
    where person_id in (select person_id from changed_persons)
    {% endif %}
    group by person_id

),

accounts as (

    select
        person_id,
        max(user_id) as user_id
    from {{ ref('int_identity_spans') }}
    {% if is_incremental() %}
    where person_id in (select person_id from changed_persons)
    {% endif %}
    group by person_id

),

sessions as (

    select
        *,
        row_number() over (
            partition by person_id order by started_at, session_id
        ) as session_order
    from {{ ref('int_sessions') }}
    where
        not is_bot
        and not is_internal
        {% if is_incremental() %}
        and person_id in (select person_id from changed_persons)
        {% endif %}

),

touches as (

    select
        person_id,
        count(*) as session_count,
        {{ first_known('landing_page', 'session_order') }} as first_landing_page,
        {{ first_known('referrer', 'session_order') }} as first_referrer,
        {{ first_known('utm_source', 'session_order') }} as first_utm_source,
        {{ first_known('utm_medium', 'session_order') }} as first_utm_medium,
        {{ first_known('utm_campaign', 'session_order') }} as first_utm_campaign,
        {{ first_known('platform', 'session_order') }} as first_platform,
        {{ first_known('country', 'session_order') }} as first_country,
        {{ last_known('platform', 'session_order') }} as last_platform,
        {{ last_known('country', 'session_order') }} as last_country,
        {{ last_known('app_version', 'session_order') }} as last_app_version
    from sessions
    group by person_id

),

final as (

    select
        person_days.person_id,
        coalesce(accounts.user_id, person_days.user_id) as user_id,
        coalesce(accounts.user_id, person_days.user_id) is not null as is_known_user,
        person_days.first_seen_at,
        person_days.last_seen_at,
        person_days.first_seen_on,
        person_days.last_seen_on,
        person_days.first_active_on,
        person_days.last_active_on,
        person_days.active_day_count,
        cast(person_days.event_count as bigint) as event_count,
        coalesce(touches.session_count, 0) as session_count,
        cast(person_days.revenue as decimal(38, 6)) as revenue,
        touches.first_landing_page,
        touches.first_referrer,
        touches.first_utm_source,
        touches.first_utm_medium,
        touches.first_utm_campaign,
        touches.first_platform,
        touches.first_country,
        touches.last_platform,
        touches.last_country,
        touches.last_app_version,
        properties.person_properties,
        {{ newest_load() }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from person_days
    left join accounts
        on person_days.person_id = accounts.person_id
    left join touches
        on person_days.person_id = touches.person_id
    left join {{ ref('int_person_properties') }} as properties
        on person_days.person_id = properties.person_id

)

select * from final
