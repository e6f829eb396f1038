{{ config(materialized='view') }}

with units as (

    select * from {{ ref('int_experiment_units') }}

),

final as (

    select
        experiment_name,
        unit_id,
        person_id,
        variant,
        exposed_at,
        exposure_date,
        variant_count,
        variant_count > 1 as is_in_several_variants,
        is_known_variant,
        is_within_dates,
        is_known_variant and is_within_dates and variant_count = 1 as is_analysed
    from units

)

select * from final
