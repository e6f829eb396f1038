with source as (

    select * from {{ source('raw', 'catalog_regions') }}

),

renamed as (

    select
        country_code,
        spelling,
        region_code
    from source

)

select * from renamed
