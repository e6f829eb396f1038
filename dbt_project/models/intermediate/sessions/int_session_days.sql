{{
    config(
        materialized='incremental',
        incremental_strategy='replace_visits',
        unique_key=['person_key', 'vendor_session_id', 'event_date', 'first_at'],
        meta={'declared_by': ['sessions_hash', 'event_rules_hash']}
    )
}}

-- Its blocks are macros, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_event_days') }}
{% set mark = high_water_mark('built_through_load_id') %}

with session_days as (

    {{ sessions_of_clients(mark) if sessions_are_of_client() else sessions_by_inactivity(mark) }}

),

final as (

    select
        *,
        cast(coalesce(session_started_at, visit_started_at) as date) as session_start_date,
        {{ newest_load() }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from session_days

)

select * from final
