{{ config(materialized='view') }}

with spells as (

    select * from {{ ref('int_usage_spells') }}

),

clocks as (

    select
        segmentation_name,
        min(watermark_local_at) as watermark_local_at
    from {{ ref('int_segment_days') }}
    group by segmentation_name

),

-- Of who may yet come back nobody knows.
final as (

    select
        spells.segmentation_name,
        units.unit_id as person_id,
        spells.started_on,
        spells.last_active_on,
        case
            when spells.churned_on + 1 <= clocks.watermark_local_at then spells.churned_on
        end as churned_on,
        case when spells.churned_on + 1 <= clocks.watermark_local_at then true end as is_churned
    from spells
    inner join clocks on spells.segmentation_name = clocks.segmentation_name
    inner join {{ ref('int_cohort_units') }} as units on spells.unit_key = units.unit_key

)

select * from final
