-- Persons, bins and bottlenecks of the whole range are those of the steps.
with persons as (

    select
        funnel_name,
        breakdown,
        breakdown_value,
        reached_step
    from {{ ref('fct_funnel_persons') }}

),

recounted as (

    select
        steps.funnel_name,
        steps.breakdown,
        steps.breakdown_value,
        steps.step,
        max(steps.person_count) as person_count,
        count(persons.reached_step) as recounted_count
    from {{ ref('fct_funnel_steps') }} as steps
    left join persons
        on
            steps.funnel_name = persons.funnel_name
            and steps.breakdown = persons.breakdown
            and steps.breakdown_value = persons.breakdown_value
            and steps.step <= persons.reached_step
    where steps.period = 'all'
    group by
        steps.funnel_name,
        steps.breakdown,
        steps.breakdown_value,
        steps.step

),

binned as (

    select
        funnel_name,
        breakdown,
        breakdown_value,
        max(conversion_count) as conversion_count,
        sum(person_count) as binned_count
    from {{ ref('fct_funnel_times') }}
    group by funnel_name, breakdown, breakdown_value

)

select
    funnel_name,
    breakdown,
    breakdown_value,
    'persons' as table_name
from recounted
where person_count <> recounted_count
union all
select
    funnel_name,
    breakdown,
    breakdown_value,
    'times' as table_name
from binned
where conversion_count <> binned_count
