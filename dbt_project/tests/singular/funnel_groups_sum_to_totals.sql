-- By first or last touch everybody is in one group: the groups add up to the total.
with counts as (

    select
        steps.funnel_name,
        steps.period,
        steps.period_start,
        steps.breakdown,
        steps.step,
        sum(steps.person_count) as person_count
    from {{ ref('fct_funnel_steps') }} as steps
    left join {{ ref('stg_catalog_funnel_breakdowns') }} as breakdowns
        on
            steps.funnel_name = breakdowns.funnel_name
            and steps.breakdown = breakdowns.breakdown
    where
        steps.breakdown = 'all'
        or breakdowns.attribution in ('first_touch', 'last_touch')
    group by
        steps.funnel_name,
        steps.period,
        steps.period_start,
        steps.breakdown,
        steps.step

)

select
    groups.*,
    totals.person_count as total
from counts as groups
inner join counts as totals
    on
        groups.funnel_name = totals.funnel_name
        and groups.period = totals.period
        and groups.period_start = totals.period_start
        and groups.step = totals.step
        and totals.breakdown = 'all'
where groups.person_count <> totals.person_count
