with source as (

    select * from {{ source('raw', 'events') }}

),

renamed as (

    select
        event_id,
        event_name,
        category,
        occurred_at,
        received_at,
        {{ known_identity('user_id') }} as user_id,
        {{ known_identity('anonymous_id') }} as anonymous_id,
        vendor_session_id,
        platform,
        app_version,
        page,
        referrer,
        utm_source,
        utm_medium,
        utm_campaign,
        country,
        region,
        city,
        device_type,
        os,
        browser,
        revenue,
        currency,
        value,
        properties,
        source,
        -- The partition, not the column of the same meaning inside the files: only
        -- the partition lets a night skip the files of older loads unread.
        load as load_id,
        date as event_date
    from source
    {% if setting('days_late_allowed') %}
    where
        received_at is null
        or received_at <= occurred_at + interval '{{ setting('days_late_allowed') }}' day
    {% endif %}

)

select * from renamed
