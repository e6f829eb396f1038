-- Which group each attempt belongs to, one row for the total and one for each breakdown.
-- A unit's first or last touch holds for all its attempts; groups beyond the limit, by
-- the number of units that ever entered, are one: Other.
with attempts as (

    select
        attempts.*,
        -- Of totals every attempt counts, of all others the unit.
        case
            when funnels.counting = 'totals' then attempts.attempt_id
            else attempts.unit_id
        end as counted_id
    from {{ ref('int_funnel_attempts') }} as attempts
    inner join {{ ref('stg_catalog_funnels') }} as funnels
        on attempts.funnel_name = funnels.funnel_name
    where attempts.is_best_of_period

),

touches as (

    select
        funnel_name,
        breakdown,
        unit_id,
        breakdown_value
    from {{ ref('int_funnel_touches') }}
    qualify row_number() over (
        partition by funnel_name, breakdown, unit_id
        order by
            case when attribution = 'first_touch' then touched_at end,
            case when attribution = 'first_touch' then event_id end,
            touched_at desc,
            event_id desc
    ) = 1

),

grouped as (

    select
        funnel_name,
        attempt_id,
        counted_id,
        person_id,
        breakdown,
        breakdown_value,
        entered_at,
        entered_local_at,
        entry_date,
        reached_step,
        step_times,
        last_step_at,
        worth
    from attempts
    union all
    select
        attempts.funnel_name,
        attempts.attempt_id,
        attempts.counted_id,
        attempts.person_id,
        breakdowns.breakdown,
        coalesce(touches.breakdown_value, '(none)') as breakdown_value,
        attempts.entered_at,
        attempts.entered_local_at,
        attempts.entry_date,
        attempts.reached_step,
        attempts.step_times,
        attempts.last_step_at,
        attempts.worth
    from attempts
    inner join {{ ref('stg_catalog_funnel_breakdowns') }} as breakdowns
        on
            attempts.funnel_name = breakdowns.funnel_name
            and breakdowns.attribution in ('first_touch', 'last_touch')
    left join touches
        on
            attempts.funnel_name = touches.funnel_name
            and breakdowns.breakdown = touches.breakdown
            and attempts.unit_id = touches.unit_id
    where attempts.breakdown = 'all'

),

ranked as (

    select
        sizes.funnel_name,
        sizes.breakdown,
        sizes.breakdown_value,
        row_number() over (
            partition by sizes.funnel_name, sizes.breakdown
            order by sizes.unit_count desc, sizes.breakdown_value asc
        ) <= breakdowns.group_limit as is_kept
    from (
        select
            funnel_name,
            breakdown,
            breakdown_value,
            count(distinct counted_id) as unit_count
        from grouped
        where breakdown <> 'all'
        group by funnel_name, breakdown, breakdown_value
    ) as sizes
    inner join {{ ref('stg_catalog_funnel_breakdowns') }} as breakdowns
        on
            sizes.funnel_name = breakdowns.funnel_name
            and sizes.breakdown = breakdowns.breakdown

),

final as (

    select
        grouped.funnel_name,
        grouped.attempt_id,
        grouped.counted_id,
        grouped.person_id,
        grouped.breakdown,
        case
            when coalesce(ranked.is_kept, true) then grouped.breakdown_value
            else 'Other'
        end as breakdown_value,
        grouped.entered_at,
        grouped.entered_local_at,
        grouped.entry_date,
        grouped.reached_step,
        grouped.step_times,
        grouped.last_step_at,
        grouped.worth
    from grouped
    left join ranked
        on
            grouped.funnel_name = ranked.funnel_name
            and grouped.breakdown = ranked.breakdown
            and grouped.breakdown_value = ranked.breakdown_value

)

select * from final
