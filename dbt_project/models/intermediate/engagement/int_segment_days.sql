-- The days of each segmentation, from the first person seen to the watermark.
with bounds as (

    select
        segmentations.segmentation_name,
        'day' as period,
        cast(min(spans.started_on) as timestamp) as first_start,
        min({{ local_time_of('watermark.watermark_at', 'segmentations.timezone') }})
            as watermark_local_at
    from {{ ref('int_segment_spans') }} as spans
    inner join {{ ref('stg_catalog_segmentations') }} as segmentations
        on spans.segmentation_name = segmentations.segmentation_name
    cross join {{ ref('int_watermark') }} as watermark
    group by segmentations.segmentation_name

),

spine as (

    {{ period_spine('bounds', 'segmentation_name') }}

),

final as (

    select
        spine.segmentation_name,
        cast(spine.period_start as date) as date_day,
        cast(spine.period_start as date) - (
            {{ days_since_monday('spine.period_start') }}
            + 7 - {{ weekday_number('segmentations.week_start') }}
        ) % 7 as week_start_date,
        cast(date_trunc('month', spine.period_start) as date) as month_start_date,
        spine.period_start + interval '1' day <= bounds.watermark_local_at as is_complete,
        bounds.watermark_local_at
    from spine
    inner join bounds on spine.segmentation_name = bounds.segmentation_name
    inner join {{ ref('stg_catalog_segmentations') }} as segmentations
        on spine.segmentation_name = segmentations.segmentation_name

)

select * from final
