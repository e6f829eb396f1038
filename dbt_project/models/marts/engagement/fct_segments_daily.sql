with changes as (

    select
        segmentation_name,
        segment,
        date_day,
        sum(change) as change
    from (
        select
            segmentation_name,
            segment,
            started_on as date_day,
            1 as change
        from {{ ref('int_segment_spans') }}
        union all
        select
            segmentation_name,
            segment,
            ended_on as date_day,
            -1 as change
        from {{ ref('int_segment_spans') }}
        where ended_on is not null
    ) as ends_of_spans
    group by segmentation_name, segment, date_day

),

days as (

    select
        calendar.segmentation_name,
        calendar.date_day,
        calendar.is_complete,
        names.segment,
        names.precedence
    from {{ ref('int_segment_days') }} as calendar
    cross join (
        values
        {% for segment in segments() -%}
        ({{ loop.index }}, '{{ segment }}'){{ ', ' if not loop.last }}
        {%- endfor %}
    ) as names (precedence, segment)

),

final as (

    select
        days.segmentation_name,
        days.date_day as activity_date,
        days.segment,
        cast(days.precedence as integer) as precedence,
        cast(
            sum(coalesce(changes.change, 0)) over (
                partition by days.segmentation_name, days.segment
                order by days.date_day
            ) as bigint
        ) as person_count,
        days.is_complete
    from days
    left join changes
        on
            days.segmentation_name = changes.segmentation_name
            and days.segment = changes.segment
            and days.date_day = changes.date_day

)

select * from final
