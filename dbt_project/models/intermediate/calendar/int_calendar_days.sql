with bounds as (

    select
        date_trunc('day', {{ to_local_time('min(int_events.occurred_at)') }}) as first_day,
        date_trunc('day', max(watermark.watermark_local_at) - interval '0.000001' second)
            as last_day
    from {{ ref('int_events') }} as int_events
    cross join {{ ref('int_watermark') }} as watermark

),

days as (

    select {{ date_spine_rows('first_day', 'last_day', "'1' day", 'day_start') }}
    from bounds

),

final as (

    select
        cast(days.day_start as date) as date_day,
        days.day_start,
        {{ week_start_of('days.day_start') }} as week_start,
        date_trunc('month', days.day_start) as month_start,
        days.day_start + interval '1' day <= watermark.watermark_local_at as is_complete
    from days
    cross join {{ ref('int_watermark') }} as watermark

)

select * from final
