with source as (

    select * from {{ source('raw', 'catalog_retention_periods') }}

),

renamed as (

    select
        retention_name,
        period_number,
        last_period_number
    from source

)

select * from renamed
