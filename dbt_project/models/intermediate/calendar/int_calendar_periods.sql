-- Every period of the calendar, and what lies after its end: when a figure whose window
-- reaches beyond the period is known for good.
with calendar as (

    select * from {{ ref('int_calendar_days') }}

),

starts as (

    select
        'day' as period,
        day_start as period_start,
        day_start + interval '1' day as period_end
    from calendar
    union all
    select distinct
        'week' as period,
        week_start as period_start,
        week_start + interval '7' day as period_end
    from calendar
    union all
    select distinct
        'month' as period,
        month_start as period_start,
        month_start + interval '1' month as period_end
    from calendar
    union all
    select
        'hour' as period,
        calendar.day_start + hours.hour_number * interval '1' hour as period_start,
        calendar.day_start + (hours.hour_number + 1) * interval '1' hour as period_end
    from calendar
    cross join {{ numbers_between(0, 23) }} as hours (hour_number)

),

final as (

    select
        starts.period,
        starts.period_start,
        starts.period_end,
        watermark.watermark_local_at,
        starts.period_end <= watermark.watermark_local_at as is_complete
    from starts
    cross join {{ ref('int_watermark') }} as watermark
    -- Hours after the watermark have not begun.
    where starts.period <> 'hour' or starts.period_start < watermark.watermark_local_at

)

select * from final
