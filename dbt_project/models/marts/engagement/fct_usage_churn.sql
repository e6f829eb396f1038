{% set periods = {
    'day': ('date_day', "interval '1' day"),
    'week': ('week_start_date', "interval '7' day"),
    'month': ('month_start_date', "interval '1' month")
} %}

with days as (

    select * from {{ ref('int_segment_days') }}

),

spells as (

    select * from {{ ref('int_usage_spells') }}

),

changes as (

    select
        segmentation_name,
        date_day,
        sum(change) as change
    from (
        select
            segmentation_name,
            started_on + 1 as date_day,
            1 as change
        from spells
        union all
        select
            segmentation_name,
            churned_on + 1 as date_day,
            -1 as change
        from spells
        where churned_on is not null
    ) as ends_of_spells
    group by segmentation_name, date_day

),

-- Who used the product in the days before this one and has not churned.
using_on_day as (

    select
        days.segmentation_name,
        days.date_day,
        sum(coalesce(changes.change, 0)) over (
            partition by days.segmentation_name order by days.date_day
        ) as person_count
    from days
    left join changes
        on
            days.segmentation_name = changes.segmentation_name
            and days.date_day = changes.date_day

),

by_period as (

    {% for period, (start_date, length) in periods.items() %}
    select
        days.segmentation_name,
        '{{ period }}' as period,
        days.{{ start_date }} as period_start_date,
        count(case when spells.started_on < days.{{ start_date }} then 1 end)
            as churned_count,
        min(days.{{ start_date }} + {{ length }} <= days.watermark_local_at) as is_complete
    from days
    left join spells
        on
            days.segmentation_name = spells.segmentation_name
            and days.date_day = spells.churned_on
            and days.date_day + 1 <= days.watermark_local_at
    group by days.segmentation_name, days.{{ start_date }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

final as (

    select
        by_period.segmentation_name,
        by_period.period,
        by_period.period_start_date,
        cast(coalesce(using_on_day.person_count, 0) as bigint) as active_start_count,
        case when by_period.is_complete then by_period.churned_count end as churned_count,
        case
            when by_period.is_complete
                then by_period.churned_count / nullif(using_on_day.person_count, 0)
        end as churn_rate,
        by_period.is_complete
    from by_period
    left join using_on_day
        on
            by_period.segmentation_name = using_on_day.segmentation_name
            and by_period.period_start_date = using_on_day.date_day

)

select * from final
