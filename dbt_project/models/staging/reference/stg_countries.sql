with source as (

    select * from {{ source('raw', 'catalog_countries') }}

),

renamed as (

    select
        spelling,
        country_code
    from source

)

select * from renamed
