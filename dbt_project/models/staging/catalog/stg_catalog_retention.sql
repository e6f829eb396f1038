with source as (

    select * from {{ source('raw', 'catalog_retention') }}

),

renamed as (

    select
        retention_name,
        label,
        description,
        owner,
        entry_mode,
        retention_type,
        period,
        clock,
        min_occurrences,
        timezone,
        week_start,
        definition
    from source

)

select * from renamed
