with source as (

    select * from {{ source('raw', 'erasure_requests') }}

),

renamed as (

    select
        request_id,
        user_id,
        anonymous_id,
        email,
        requested_at,
        reason,
        extra,
        source,
        file,
        line_number,
        -- The partition, as in stg_events: it lets a night skip older loads unread.
        load as load_id
    from source

),

newest as (

    select * from renamed
    qualify {{ newest_copy(
        ['request_id', 'user_id', 'anonymous_id', 'email'],
        'requested_at',
        first=true
    ) }}

)

select * from newest
