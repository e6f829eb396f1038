with source as (

    select * from {{ source('raw', 'consents') }}

),

renamed as (

    select
        user_id,
        anonymous_id,
        lower(purpose) as purpose,
        is_granted,
        decided_at,
        policy_version,
        channel,
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
        ['user_id', 'anonymous_id', 'purpose', 'decided_at'],
        'decided_at'
    ) }}

)

select * from newest
