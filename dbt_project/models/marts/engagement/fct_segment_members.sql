with spans as (

    select * from {{ ref('int_segment_spans') }}

),

final as (

    select
        segmentation_name,
        person_id,
        segment,
        previous_segment,
        started_on,
        ended_on,
        ended_on is null as is_current
    from spans

)

select * from final
