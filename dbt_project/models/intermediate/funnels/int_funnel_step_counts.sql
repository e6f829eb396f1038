-- How many units reached each step, and how long they took, of cells that are not empty.
with reached as (

    select
        bests.funnel_name,
        bests.period,
        bests.period_start,
        bests.breakdown,
        bests.breakdown_value,
        steps.step,
        bests.worth,
        {{ seconds_between(item_of('bests.step_times', 'steps.step - 1'), item_of('bests.step_times', 'steps.step')) }}
            as step_seconds,
        {{ seconds_between(item_of('bests.step_times', '1'), item_of('bests.step_times', 'steps.step')) }}
            as total_seconds
    from {{ ref('int_funnel_bests') }} as bests
    inner join {{ ref('stg_catalog_funnel_steps') }} as steps
        on
            bests.funnel_name = steps.funnel_name
            and bests.reached_step >= steps.step

),

final as (

    select
        reached.funnel_name,
        reached.period,
        reached.period_start,
        reached.breakdown,
        reached.breakdown_value,
        reached.step,
        count(*) as person_count,
        {{ time_statistics('reached.step_seconds') }},
        {{ time_statistics('reached.total_seconds', 'total_') }},
        sum(case when reached.step = funnels.step_count then reached.worth end)
            as conversion_value
    from reached
    inner join {{ ref('stg_catalog_funnels') }} as funnels
        on reached.funnel_name = funnels.funnel_name
    group by
        reached.funnel_name,
        reached.period,
        reached.period_start,
        reached.breakdown,
        reached.breakdown_value,
        reached.step

)

select * from final
