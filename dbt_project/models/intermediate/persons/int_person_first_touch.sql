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

),

final as (

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

)

select * from final
