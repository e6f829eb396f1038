with source as (

    select * from {{ source('raw', 'catalog_metrics') }}

),

renamed as (

    select
        metric_name,
        label,
        description,
        metric_type,
        unit,
        direction,
        owner,
        is_headline,
        forecast_horizon_days,
        window_seconds,
        retention_day,
        definition_hash,
        definition
    from source

)

select * from renamed
