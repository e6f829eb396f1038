with percentiles as (

    select * from {{ ref('int_experiment_percentiles') }}

),

final as (

    select
        percentiles.experiment_name,
        percentiles.metric_name,
        percentiles.variant,
        variants.is_control,
        percentiles.percentile,
        percentiles.unit_value,
        percentiles.unit_count,
        percentiles.day_date
    from percentiles
    inner join {{ ref('int_experiment_days') }} as days
        on
            percentiles.experiment_name = days.experiment_name
            and percentiles.day_date = days.day_date
            and days.is_last_day
    inner join {{ ref('stg_catalog_experiment_variants') }} as variants
        on
            percentiles.experiment_name = variants.experiment_name
            and percentiles.variant = variants.variant

)

select * from final
