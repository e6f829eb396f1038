with spans as (

    select * from {{ ref('int_segment_spans') }}

),

final as (

    select
        spans.segmentation_name,
        spans.started_on as activity_date,
        coalesce(spans.previous_segment, '(none)') as from_segment,
        spans.segment as to_segment,
        count(*) as person_count,
        days.is_complete
    from spans
    inner join {{ ref('int_segment_days') }} as days
        on
            spans.segmentation_name = days.segmentation_name
            and spans.started_on = days.date_day
    group by
        spans.segmentation_name,
        spans.started_on,
        spans.previous_segment,
        spans.segment,
        days.is_complete

)

select * from final
