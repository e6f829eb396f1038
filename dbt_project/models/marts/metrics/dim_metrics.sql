with metrics as (

    select * from {{ ref('stg_catalog_metrics') }}

),

final as (

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
        definition
    from metrics

)

select * from final
