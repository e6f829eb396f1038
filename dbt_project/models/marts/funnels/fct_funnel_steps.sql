{% set in_series = 'partition by funnel_name, period, period_start, breakdown, breakdown_value order by step' %}

with counted as (

    select * from {{ ref('int_funnel_step_counts') }}

),

-- A total starts with the first period of the calendar, a group with its first unit;
-- neither has gaps: quiet periods count 0.
series as (

    select
        funnel_name,
        period,
        breakdown,
        breakdown_value,
        min(period_start) as first_period_start
    from counted
    where breakdown <> 'all'
    group by funnel_name, period, breakdown, breakdown_value
    union all
    select distinct
        funnel_name,
        period,
        'all' as breakdown,
        'all' as breakdown_value,
        timestamp '0001-01-01 00:00:00' as first_period_start
    from {{ ref('int_funnel_periods') }}

),

every_cell as (

    select
        periods.funnel_name,
        periods.period,
        periods.period_start,
        series.breakdown,
        series.breakdown_value,
        steps.step,
        steps.step_name,
        funnels.step_count,
        funnels.has_exclusions,
        periods.is_complete,
        periods.is_mature
    from {{ ref('int_funnel_periods') }} as periods
    inner join series
        on
            periods.funnel_name = series.funnel_name
            and periods.period = series.period
            and periods.period_start >= series.first_period_start
    inner join {{ ref('stg_catalog_funnel_steps') }} as steps
        on periods.funnel_name = steps.funnel_name
    inner join {{ ref('stg_catalog_funnels') }} as funnels
        on periods.funnel_name = funnels.funnel_name

),

valued as (

    select
        every_cell.*,
        -- Entries of an open window are known so far, unless an exclusion may void them.
        case
            when every_cell.is_mature or (every_cell.step = 1 and not every_cell.has_exclusions)
                then coalesce(counted.person_count, 0)
        end as person_count,
        {% for figure in [
            'mean_seconds', 'median_seconds', 'p90_seconds',
            'total_mean_seconds', 'total_median_seconds', 'total_p90_seconds'
        ] -%}
        {{ if_mature('case when every_cell.step > 1 then counted.' ~ figure ~ ' end') }} as {{ figure }},
        {% endfor -%}
        {{ if_mature('case when every_cell.step = every_cell.step_count then counted.conversion_value end') }}
            as conversion_value
    from every_cell
    left join counted
        on
            every_cell.funnel_name = counted.funnel_name
            and every_cell.period = counted.period
            and every_cell.period_start = counted.period_start
            and every_cell.breakdown = counted.breakdown
            and every_cell.breakdown_value = counted.breakdown_value
            and every_cell.step = counted.step

),

compared as (

    select
        *,
        first_value(person_count) over ({{ in_series }}) as entered_count,
        lag(person_count) over ({{ in_series }}) as previous_person_count
    from valued

),

final as (

    select
        funnel_name,
        period,
        period_start,
        breakdown,
        breakdown_value,
        step,
        step_name,
        person_count,
        previous_person_count,
        entered_count,
        cast(person_count as double) / nullif(previous_person_count, 0) as conversion_rate,
        case when is_mature then cast(person_count as double) / nullif(entered_count, 0) end
            as overall_conversion_rate,
        previous_person_count - person_count as drop_off_count,
        cast(previous_person_count - person_count as double)
        / nullif(previous_person_count, 0) as drop_off_rate,
        mean_seconds,
        median_seconds,
        p90_seconds,
        total_mean_seconds,
        total_median_seconds,
        total_p90_seconds,
        cast(conversion_value as decimal(38, 6)) as conversion_value,
        is_complete,
        is_mature
    from compared

)

select * from final
