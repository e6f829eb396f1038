-- Counts and sums of days add up to those of their month and of their week.
with totals as (

    select
        metrics.metric_name,
        metrics.period,
        metrics.period_start,
        metrics.numerator
    from {{ ref('fct_metrics') }} as metrics
    inner join {{ ref('dim_metrics') }} as definitions
        on metrics.metric_name = definitions.metric_name
    where
        definitions.metric_type in ('count', 'sum')
        and metrics.dimension = 'all'

),

days_added as (

    {% for period in ['week', 'month'] %}
    select
        totals.metric_name,
        '{{ period }}' as period,
        cast(dates.{{ period }}_start_date as timestamp) as period_start,
        sum(totals.numerator) as numerator
    from totals
    inner join {{ ref('dim_dates') }} as dates
        on cast(totals.period_start as date) = dates.date_day
    where totals.period = 'day'
    group by totals.metric_name, dates.{{ period }}_start_date
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    totals.*,
    days_added.numerator as days_added
from totals
inner join days_added
    on
        totals.metric_name = days_added.metric_name
        and totals.period = days_added.period
        and totals.period_start = days_added.period_start
where totals.numerator <> days_added.numerator
