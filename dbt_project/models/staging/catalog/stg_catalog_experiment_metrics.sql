with source as (

    select * from {{ source('raw', 'catalog_experiment_metrics') }}

),

renamed as (

    select
        experiment_name,
        metric_name,
        position,
        role,
        label,
        unit,
        direction,
        metric_type,
        metric_kind,
        window_seconds,
        retention_day,
        margin,
        mde,
        cap_lower,
        cap_upper,
        cap_lower is not null or cap_upper is not null as has_caps,
        numerator_component,
        numerator_is_flag,
        denominator_component,
        denominator_is_flag,
        value_component,
        quantile
    from source

)

select * from renamed
