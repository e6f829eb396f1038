{{ config(materialized='view') }}

with figures as (

    select
        figures.*,
        {{ periods_after('figures.period_start', 1, 'figures.period') }} as period_end,
        measures.unit,
        measures.outcome_seconds,
        measures.mean_threshold,
        measures.p50_threshold,
        measures.p95_threshold,
        measures.p99_threshold,
        measures.slow_share_threshold,
        measures.failure_rate_threshold,
        measures.uptime_rate_threshold,
        measures.outcome_rate_threshold
    from {{ ref('int_performance_periods') }} as figures
    inner join {{ ref('stg_catalog_performance') }} as measures
        on figures.measure_name = measures.measure_name

),

rated as (

    select
        figures.*,
        cast(figures.value_sum as double) / nullif(figures.value_count, 0) as mean,
        figures.slow_count / cast(nullif(figures.value_count, 0) as double) as slow_share,
        figures.failure_count / cast(figures.event_count as double) as failure_rate,
        1 - figures.down_interval_count / cast(figures.interval_count as double)
            as uptime_rate,
        -- What was sent last may still arrive.
        case
            when
                {{ to_utc_time('figures.period_end') }}
                + figures.outcome_seconds * interval '1' second
                <= watermark.watermark_at
                then figures.outcome_count / cast(figures.event_count as double)
        end as outcome_rate,
        figures.period_end <= watermark.watermark_local_at as is_complete
    from figures
    cross join {{ ref('int_watermark') }} as watermark
    where figures.period_start < watermark.watermark_local_at

),

final as (

    select
        measure_name,
        period,
        period_start,
        dimension,
        dimension_value,
        unit,
        event_count,
        mean,
        p50,
        p95,
        p99,
        slow_count,
        slow_share,
        failure_count,
        failure_rate,
        1 - failure_rate as success_rate,
        interval_count,
        down_interval_count,
        uptime_rate,
        outcome_count,
        outcome_rate,
        nullif(
            {{ broken_limits(
                ['mean', 'p50', 'p95', 'p99', 'slow_share', 'failure_rate'],
                ['uptime_rate', 'outcome_rate']
            ) }},
            ''
        ) as broken_thresholds,
        is_complete
    from rated

)

select * from final
