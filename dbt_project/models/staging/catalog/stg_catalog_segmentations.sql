with source as (

    select * from {{ source('raw', 'catalog_segmentations') }}

),

renamed as (

    select
        segmentation_name,
        label,
        description,
        owner,
        window_days,
        new_days,
        power_days,
        engaged_days,
        idle_days,
        frequency_drop,
        churn_days,
        timezone,
        week_start,
        definition
    from source

)

select * from renamed
