{{ config(materialized='view') }}

with final as (

    select
        person_id,
        user_id,
        is_known_user,
        first_seen_at,
        last_seen_at,
        first_seen_on,
        last_seen_on,
        first_active_on,
        last_active_on,
        active_day_count,
        event_count,
        session_count,
        revenue,
        first_landing_page,
        first_referrer,
        first_utm_source,
        first_utm_medium,
        first_utm_campaign,
        first_platform,
        first_country,
        last_platform,
        last_country,
        last_app_version,
        person_properties
    from {{ ref('int_persons') }}

)

select * from final
