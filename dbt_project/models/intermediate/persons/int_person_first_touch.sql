{{
    config(
        materialized='incremental',
        incremental_strategy=replaced_by_change(),
        unique_key='person_id',
        meta={
            'declared_by': ['sessions_hash', 'event_rules_hash', 'page_view_events'],
            'changed': {
                'column': 'person_id',
                'values': 'persons_with_changed_sessions',
                'mark': 'built_through_load_id'
            }
        }
    )
}}

-- Read only where there is something to build on:
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_session_days') }}
{% set mark = high_water_mark('built_through_load_id') %}

with sessions as (

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
        and person_id in ({{ persons_with_changed_sessions(mark) }})
        {% endif %}

),

final as (

    select
        person_id,
        count(*) as session_count,
        max(session_start_date) as last_session_date,
        {{ first_known('landing_page', 'session_order') }} as first_landing_page,
        {{ first_known('referrer', 'session_order') }} as first_referrer,
        {{ first_known('utm_source', 'session_order') }} as first_utm_source,
        {{ first_known('utm_medium', 'session_order') }} as first_utm_medium,
        {{ first_known('utm_campaign', 'session_order') }} as first_utm_campaign,
        {{ first_known('platform', 'session_order') }} as first_platform,
        {{ first_known('country', 'session_order') }} as first_country,
        {{ last_known('platform', 'session_order') }} as last_platform,
        {{ last_known('country', 'session_order') }} as last_country,
        {{ last_known('app_version', 'session_order') }} as last_app_version,
        {{ newest_load() }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from sessions
    group by person_id

)

select * from final
