with source as (

    select * from {{ source('raw', 'payments') }}

),

renamed as (

    select
        payment_id,
        occurred_at,
        updated_at,
        coalesce(lower(kind), 'payment') as kind,
        coalesce(lower(status), 'succeeded') as status,
        user_id,
        account_id,
        order_id,
        subscription_id,
        refund_of,
        case
            when lower(kind) in ('refund', 'chargeback') then -abs(amount)
            else amount
        end as amount,
        tax as tax_amount,
        fee as fee_amount,
        currency,
        product,
        quantity,
        coalesce(lower(kind), 'payment') in ('refund', 'chargeback') as is_refund,
        coalesce(lower(status), 'succeeded') = 'succeeded' as is_succeeded,
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
    qualify {{ newest_copy(['payment_id'], 'updated_at') }}

)

select * from newest
