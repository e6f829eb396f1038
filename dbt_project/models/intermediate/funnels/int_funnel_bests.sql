-- The attempt that speaks for a unit: the best of each period of entry and group.
with attempts as (

    select
        *,
        {{ period_starts('entered_local_at') }}
    from {{ ref('int_funnel_groups') }}

),

in_periods as (

    {% for period in ['hour', 'day', 'week', 'month'] %}
    select
        attempts.*,
        periods.period,
        periods.period_start
    from attempts
    inner join {{ ref('int_funnel_periods') }} as periods
        on
            attempts.funnel_name = periods.funnel_name
            and periods.period = '{{ period }}'
            and attempts.period_{{ period }} = periods.period_start
    union all
    {% endfor %}
    select
        attempts.*,
        periods.period,
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

    select *
    from in_periods
    qualify row_number() over (
        partition by
            funnel_name, period, period_start, breakdown, breakdown_value, counted_id
        order by {{ best_attempt_first() }}
    ) = 1

)

select * from final
