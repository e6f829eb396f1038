with source as (

    select * from {{ source('raw', 'catalog_stickiness') }}

),

renamed as (

    select
        stickiness_name,
        label,
        description,
        owner,
        interval_period,
        window_intervals,
        window_period,
        timezone,
        week_start,
        definition
    from source

)

select * from renamed
