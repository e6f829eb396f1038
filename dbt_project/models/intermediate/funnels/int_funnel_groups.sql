-- Groups beyond the limit of a breakdown, by the number of units that ever entered, are
-- one: Other. Units are counted only where there are as many values as the limit.
with attempts as (

    select
        attempts.funnel_name,
        attempts.breakdown,
        attempts.breakdown_value,
        attempts.unit_id,
        {{ what_is_counted('attempts', 'funnels') }} as counted_id
    from {{ ref('int_funnel_attempts') }} as attempts
    inner join {{ ref('stg_catalog_funnels') }} as funnels
        on attempts.funnel_name = funnels.funnel_name
    where attempts.is_best_of_period

),

units as (

    select * from {{ ref('int_funnel_units') }}

),

breakdowns as (

    select
        breakdowns.funnel_name,
        breakdowns.breakdown,
        breakdowns.group_limit,
        breakdowns.attribution in ('first_touch', 'last_touch') as is_of_touch
    from {{ ref('stg_catalog_funnel_breakdowns') }} as breakdowns
    inner join (
        select
            funnel_name,
            breakdown,
            breakdown_value
        from units
        union
        select
            funnel_name,
            breakdown,
            breakdown_value
        from attempts
    ) as seen
        on
            breakdowns.funnel_name = seen.funnel_name
            and breakdowns.breakdown = seen.breakdown
    group by
        breakdowns.funnel_name,
        breakdowns.breakdown,
        breakdowns.group_limit,
        breakdowns.attribution
    having count(*) >= breakdowns.group_limit

),

entered as (

    select
        attempts.funnel_name,
        attempts.breakdown,
        attempts.breakdown_value,
        attempts.counted_id,
        breakdowns.group_limit
    from attempts
    inner join breakdowns
        on
            attempts.funnel_name = breakdowns.funnel_name
            and attempts.breakdown = breakdowns.breakdown
    union all
    select
        attempts.funnel_name,
        breakdowns.breakdown,
        coalesce(units.breakdown_value, '(none)') as breakdown_value,
        attempts.counted_id,
        breakdowns.group_limit
    from attempts
    inner join breakdowns
        on
            attempts.funnel_name = breakdowns.funnel_name
            and breakdowns.is_of_touch
    left join units
        on
            attempts.funnel_name = units.funnel_name
            and breakdowns.breakdown = units.breakdown
            and attempts.unit_id = units.unit_id
    where attempts.breakdown = 'all'

),

final as (

    select
        funnel_name,
        breakdown,
        breakdown_value,
        case
            when
                row_number() over (
                    partition by funnel_name, breakdown
                    order by count(distinct counted_id) desc, breakdown_value asc
                ) <= group_limit
                then breakdown_value
            else 'Other'
        end as group_name
    from entered
    group by funnel_name, breakdown, breakdown_value, group_limit

)

select * from final
