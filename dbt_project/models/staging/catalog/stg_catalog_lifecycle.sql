with source as (

    select * from {{ source('raw', 'catalog_lifecycle') }}

),

renamed as (

    select
        lifecycle_name,
        label,
        description,
        owner,
        timezone,
        week_start,
        definition
    from source

)

select * from renamed
