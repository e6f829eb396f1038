with source as (

    select * from {{ source('raw', 'catalog_exchange_rates') }}

),

renamed as (

    select
        currency,
        valid_from,
        valid_to,
        rate
    from source

)

select * from renamed
