-- Counts and sums: the groups of a dimension add up to the total, to the last digit.
with additive as (

    select
        metrics.metric_name,
        metrics.period,
        metrics.period_start,
        metrics.dimension,
        sum(metrics.numerator) as amount
    from {{ ref('fct_metrics') }} as metrics
    inner join {{ ref('dim_metrics') }} as definitions
        on metrics.metric_name = definitions.metric_name
    where definitions.metric_type in ('count', 'sum')
    group by
        metrics.metric_name,
        metrics.period,
        metrics.period_start,
        metrics.dimension

)

select
    groups.*,
    totals.amount as total
from additive as groups
inner join additive as totals
    on
        groups.metric_name = totals.metric_name
        and groups.period = totals.period
        and groups.period_start = totals.period_start
        and totals.dimension = 'all'
where groups.amount <> totals.amount
