-- The windows of each stickiness, from the first activity to the watermark. A trailing
-- window goes by its last interval, a calendar window by its start.
with changes as (

    select
        stickiness_name,
        min(changed_at) as first_start
    from {{ ref('int_stickiness_changes') }}
    group by stickiness_name

),

bounds as (

    select
        stickiness.stickiness_name,
        stickiness.interval_period,
        stickiness.window_intervals,
        coalesce(stickiness.window_period, stickiness.interval_period) as period,
        changes.first_start,
        {{ local_time_of('watermark.watermark_at', 'stickiness.timezone') }}
            as watermark_local_at
    from changes
    inner join {{ ref('stg_catalog_stickiness') }} as stickiness
        on changes.stickiness_name = stickiness.stickiness_name
    cross join {{ ref('int_watermark') }} as watermark

),

spine as (

    {{ period_spine('bounds', 'stickiness_name') }}

),

windows as (

    select
        spine.stickiness_name,
        bounds.interval_period,
        spine.period_start as changed_at,
        case
            when bounds.window_intervals is null then spine.period_start
            else
                {{ periods_after(
                    'spine.period_start', '(1 - bounds.window_intervals)', 'spine.period'
                ) }}
        end as window_start,
        {{ periods_after('spine.period_start', '1', 'spine.period') }} as window_end,
        bounds.window_intervals,
        bounds.first_start,
        bounds.watermark_local_at
    from spine
    inner join bounds on spine.stickiness_name = bounds.stickiness_name

),

final as (

    select
        stickiness_name,
        interval_period,
        changed_at,
        window_start,
        window_end,
        coalesce(
            window_intervals,
            case interval_period
                when 'hour' then {{ count_between('window_start', 'window_end', 'hour') }}
                else {{ count_between('window_start', 'window_end', 'day') }}
            end
        ) as interval_count,
        window_start >= first_start as is_full_window,
        window_end <= watermark_local_at as is_complete
    from windows

)

select * from final
