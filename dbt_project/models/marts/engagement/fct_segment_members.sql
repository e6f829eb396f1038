{{ config(materialized='view') }}

with spans as (

    select * from {{ ref('int_segment_spans') }}

),

clocks as (

    select
        segmentation_name,
        min(watermark_local_at) as watermark_local_at
    from {{ ref('int_segment_days') }}
    group by segmentation_name

),

-- Spans that begin after the watermark are to come, if nothing comes between.
final as (

    select
        spans.segmentation_name,
        units.unit_id as person_id,
        spans.segment,
        spans.previous_segment,
        spans.started_on,
        case
            when spans.ended_on < clocks.watermark_local_at then spans.ended_on
        end as ended_on,
        coalesce(spans.ended_on >= clocks.watermark_local_at, true) as is_current
    from spans
    inner join clocks on spans.segmentation_name = clocks.segmentation_name
    inner join {{ ref('int_cohort_units') }} as units on spans.unit_key = units.unit_key
    where spans.started_on < clocks.watermark_local_at

)

select * from final
