{{ config(materialized='view') }}

-- Which group each attempt that may speak for its unit belongs to: one row for the total
-- and one for each breakdown.
with attempts as (

    select
        attempts.funnel_name,
        attempts.breakdown,
        attempts.breakdown_value,
        attempts.unit_id,
        {{ what_is_counted('attempts', 'funnels') }} as counted_id,
        attempts.person_id,
        attempts.attempt_id,
        attempts.entered_at,
        attempts.entered_local_at,
        attempts.entry_date,
        attempts.reached_step,
        attempts.step_times,
        attempts.last_step_at,
        attempts.worth,
        attempts.declaration
    from {{ ref('int_funnel_attempts') }} as attempts
    inner join {{ ref('stg_catalog_funnels') }} as funnels
        on attempts.funnel_name = funnels.funnel_name
    where attempts.is_best_of_period

),

grouped as (

    select * from attempts
    union all
    select
        attempts.funnel_name,
        breakdowns.breakdown,
        coalesce(units.breakdown_value, '(none)') as breakdown_value,
        attempts.unit_id,
        attempts.counted_id,
        attempts.person_id,
        attempts.attempt_id,
        attempts.entered_at,
        attempts.entered_local_at,
        attempts.entry_date,
        attempts.reached_step,
        attempts.step_times,
        attempts.last_step_at,
        attempts.worth,
        attempts.declaration
    from attempts
    inner join {{ ref('stg_catalog_funnel_breakdowns') }} as breakdowns
        on
            attempts.funnel_name = breakdowns.funnel_name
            and breakdowns.attribution in ('first_touch', 'last_touch')
    left join {{ ref('int_funnel_units') }} as units
        on
            attempts.funnel_name = units.funnel_name
            and breakdowns.breakdown = units.breakdown
            and attempts.unit_id = units.unit_id
    where attempts.breakdown = 'all'

),

final as (

    select
        grouped.funnel_name,
        grouped.breakdown,
        coalesce(named.group_name, grouped.breakdown_value) as breakdown_value,
        grouped.unit_id,
        grouped.counted_id,
        grouped.person_id,
        grouped.attempt_id,
        grouped.entered_at,
        grouped.entered_local_at,
        grouped.entry_date,
        grouped.reached_step,
        grouped.step_times,
        grouped.last_step_at,
        grouped.worth,
        grouped.declaration
    from grouped
    left join {{ ref('int_funnel_groups') }} as named
        on
            grouped.funnel_name = named.funnel_name
            and grouped.breakdown = named.breakdown
            and grouped.breakdown_value = named.breakdown_value

)

select * from final
