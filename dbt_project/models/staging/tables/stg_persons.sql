with source as (

    select * from {{ source('raw', 'persons') }}

),

renamed as (

    select
        user_id,
        anonymous_id,
        recorded_at,
        created_at,
        email,
        full_name,
        account_id,
        role,
        plan,
        country,
        locale,
        extra as traits,
        source,
        file,
        line_number,
        -- The partition, as in stg_events: it lets a night skip older loads unread.
        load as load_id
    from source

),

newest as (

    select * from renamed
    qualify {{ newest_copy(['user_id'], 'recorded_at') }}

)

select * from newest
