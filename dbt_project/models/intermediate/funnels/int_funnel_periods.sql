-- The periods of entry of each funnel, and whether all windows behind them have closed.
-- The whole range counts the days whose windows have; it is known at any time.
with funnels as (

    select * from {{ ref('stg_catalog_funnels') }}

),

declared_periods as (

    {% for period in ['hour', 'day', 'week', 'month'] %}
    select
        funnel_name,
        range_from,
        range_to,
        '{{ period }}' as period
    from funnels
    where periods like '%"{{ period }}"%'
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

calendar_periods as (

    select
        funnels.funnel_name,
        periods.period,
        periods.period_start,
        least(periods.period_end, coalesce(funnels.range_to, periods.period_end))
            as entry_ends_at
    from {{ ref('int_calendar_periods') }} as periods
    inner join declared_periods as funnels
        on
            periods.period = funnels.period
            and periods.period_end > coalesce(funnels.range_from, timestamp '0001-01-01')
            and periods.period_start < coalesce(funnels.range_to, timestamp '9999-12-31')

),

whole_ranges as (

    select
        funnels.funnel_name,
        'all' as period,
        coalesce(funnels.range_from, min(calendar.day_start)) as period_start,
        coalesce(funnels.range_to, timestamp '0001-01-01') as entry_ends_at
    from funnels
    cross join {{ ref('int_calendar_days') }} as calendar
    group by funnels.funnel_name, funnels.range_from, funnels.range_to

),

all_periods as (

    select * from calendar_periods
    union all
    select * from whole_ranges

),

final as (

    select
        all_periods.funnel_name,
        all_periods.period,
        all_periods.period_start,
        all_periods.entry_ends_at <= watermark.watermark_local_at as is_complete,
        all_periods.period = 'all'
        or {{ to_utc_time('all_periods.entry_ends_at') }}
        + funnels.window_seconds * interval '1' second <= watermark.watermark_at
        or coalesce(
            funnels.range_applies_to = 'all_events'
            and {{ to_utc_time('funnels.range_to') }} <= watermark.watermark_at,
            false
        ) as is_mature
    from all_periods
    inner join funnels on all_periods.funnel_name = funnels.funnel_name
    cross join {{ ref('int_watermark') }} as watermark

)

select * from final
