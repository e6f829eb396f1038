-- The attempt that speaks for a unit over the whole range: the best whose window has
-- closed.
with attempts as (

    select * from {{ ref('int_funnel_attempts_grouped') }}

),

mature as (

    select
        attempts.*,
        periods.period_start
    from attempts
    inner join {{ ref('int_funnel_periods') }} as periods
        on
            attempts.funnel_name = periods.funnel_name
            and periods.period = 'all'
    inner join {{ ref('stg_catalog_funnels') }} as funnels
        on attempts.funnel_name = funnels.funnel_name
    cross join {{ ref('int_watermark') }} as watermark
    where
        {{ to_utc_time("cast(attempts.entry_date + interval '1' day as timestamp)") }}
        + funnels.window_seconds * interval '1' second <= watermark.watermark_at
        or (
            funnels.range_applies_to = 'all_events'
            and {{ to_utc_time('funnels.range_to') }} <= watermark.watermark_at
        )

),

final as (

    select
        funnel_name,
        breakdown,
        breakdown_value,
        counted_id,
        person_id,
        attempt_id,
        entered_at,
        reached_step,
        step_times,
        last_step_at,
        worth,
        declaration,
        'all' as period,
        period_start
    from mature
    qualify row_number() over (
        partition by funnel_name, breakdown, breakdown_value, counted_id
        order by {{ best_attempt_first() }}
    ) = 1

)

select * from final
