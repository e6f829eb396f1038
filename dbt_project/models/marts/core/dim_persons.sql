with person_days as (

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
    group by person_id

),

accounts as (

    select
        person_id,
        max(user_id) as user_id
    from {{ ref('int_identity_spans') }}
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
        properties.person_properties
    from person_days
    left join accounts
        on person_days.person_id = accounts.person_id
    left join {{ ref('int_person_first_touch') }} as touches
        on person_days.person_id = touches.person_id
    left join {{ ref('int_person_properties') }} as properties
        on person_days.person_id = properties.person_id

)

select * from final
