{# Periods between one and the one it is compared with, by period. #}
{% set week_before = {'hour': 168, 'day': 7} %}
{% set year_before = {'day': 364, 'week': 52, 'month': 12} %}
{% set in_series = 'partition by metric_name, period, dimension, dimension_value order by period_start' %}

with measured as (

    select * from {{ ref('int_metric_values') }}

),

-- A series starts with the first period of the calendar for a total, with its first
-- value for a group, and has no gaps: quiet periods count 0.
series as (

    select
        measured.metric_name,
        measured.period,
        measured.dimension,
        measured.dimension_value,
        case when measured.dimension <> 'all' then min(measured.period_start) end
            as first_period_start
    from measured
    group by
        measured.metric_name,
        measured.period,
        measured.dimension,
        measured.dimension_value

),

every_period as (

    select
        series.metric_name,
        series.period,
        periods.period_start,
        series.dimension,
        series.dimension_value,
        metrics.metric_type,
        metrics.direction,
        periods.is_complete,
        periods.period_end
        + coalesce(cast(metrics.window_seconds as bigint), 0) * interval '1' second
        + coalesce(cast(metrics.retention_day as bigint), 0) * interval '1' day
        <= periods.watermark_local_at as is_mature
    from series
    inner join {{ ref('stg_catalog_metrics') }} as metrics
        on series.metric_name = metrics.metric_name
    inner join {{ ref('int_calendar_periods') }} as periods
        on
            series.period = periods.period
            and periods.period_start
            >= coalesce(series.first_period_start, timestamp '0001-01-01 00:00:00')

),

valued as (

    select
        every_period.metric_name,
        every_period.period,
        every_period.period_start,
        every_period.dimension,
        every_period.dimension_value,
        every_period.direction,
        every_period.is_complete,
        every_period.is_mature,
        {{ metric_numerator() }} as numerator,
        {{ metric_denominator() }} as denominator,
        {{ metric_value() }} as value
    from every_period
    left join measured
        on
            every_period.metric_name = measured.metric_name
            and every_period.period = measured.period
            and every_period.period_start = measured.period_start
            and every_period.dimension = measured.dimension
            and every_period.dimension_value = measured.dimension_value

),

compared as (

    select
        *,
        lag(value) over ({{ in_series }}) as previous_value,
        case period
            {% for period, distance in week_before.items() -%}
            when '{{ period }}' then lag(value, {{ distance }}) over ({{ in_series }})
            {% endfor %}
        end as week_before_value,
        case period
            {% for period, distance in year_before.items() -%}
            when '{{ period }}' then lag(value, {{ distance }}) over ({{ in_series }})
            {% endfor %}
        end as year_before_value
    from valued

),

final as (

    select
        compared.metric_name,
        compared.period,
        compared.period_start,
        compared.dimension,
        compared.dimension_value,
        compared.numerator,
        compared.denominator,
        compared.value,
        compared.is_complete,
        compared.is_mature,
        compared.previous_value,
        {{ change_rate('previous_value') }} as change_rate,
        compared.week_before_value,
        {{ change_rate('week_before_value') }} as week_before_change_rate,
        compared.year_before_value,
        {{ change_rate('year_before_value') }} as year_before_change_rate,
        targets.target,
        case
            when not compared.is_complete then null
            when compared.direction = 'up'
                then compared.value / nullif(cast(targets.target as double), 0)
            else cast(targets.target as double) / nullif(compared.value, 0)
        end as attainment_rate
    from compared
    left join {{ ref('stg_catalog_metric_targets') }} as targets
        on
            compared.metric_name = targets.metric_name
            and compared.period = targets.period
            and compared.dimension = 'all'

)

select * from final
