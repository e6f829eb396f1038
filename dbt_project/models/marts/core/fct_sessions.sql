{{ config(materialized='view') }}

with sessions as (

    select * from {{ ref('int_sessions') }}

),

final as (

    select
        session_id,
        person_id,
        started_at,
        ended_at,
        cast({{ to_local_time('started_at') }} as date) as started_on,
        duration_seconds,
        event_count,
        page_view_count,
        engaged_seconds,
        -- Heartbeats are no deed; where there are none, a single event is no stay.
        page_view_count = 1
        and duration_seconds < 10
        and event_count - heartbeat_count <= 1 as is_bounce,
        landing_page,
        exit_page,
        referrer,
        utm_source,
        utm_medium,
        utm_campaign,
        {{ channel_group('utm_source', 'utm_medium', 'utm_campaign', 'referrer') }}
            as channel,
        platform,
        app_version,
        country,
        device_type,
        anonymous_id,
        user_id,
        revenue,
        is_bot,
        is_internal
    from sessions

)

select * from final
