with source as (

    select * from {{ source('raw', 'subscriptions') }}

),

renamed as (

    select
        subscription_id,
        recorded_at,
        user_id,
        account_id,
        plan,
        lower(status) as status,
        started_at,
        trial_ends_at,
        canceled_at,
        ends_at,
        lower(billing_period) as billing_period,
        billing_period_count,
        quantity,
        amount,
        currency,
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
    qualify {{ newest_copy(['subscription_id', 'recorded_at'], 'recorded_at') }}

)

select * from newest
