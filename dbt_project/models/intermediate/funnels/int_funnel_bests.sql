{{
    config(
        materialized='incremental',
        incremental_strategy='replace_funnel_bests',
        unique_key=['funnel_name', 'breakdown', 'breakdown_value', 'counted_id']
    )
}}

-- What a run judges is known only then, so dbt is told what it is read from:
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_funnel_groups') }}
-- depends_on: {{ ref('int_funnel_units') }}

-- The attempt that speaks for a unit over the whole range: the best whose window has
-- closed.
with attempts as (

    select * from {{ ref('int_funnel_attempts_grouped') }}
    {% if is_incremental() %}
    where (funnel_name, counted_id) in ({{ units_to_judge(this) }})
    {% endif %}

),

mature_days as (

    {{ mature_funnel_days(ref('int_funnel_attempts')) }}

),

final as (

    select
        attempts.funnel_name,
        attempts.breakdown,
        attempts.breakdown_value,
        attempts.counted_id,
        attempts.person_id,
        attempts.attempt_id,
        attempts.entered_at,
        attempts.entry_date,
        attempts.reached_step,
        attempts.step_times,
        attempts.last_step_at,
        attempts.worth,
        attempts.declaration,
        {{ newest_load() }} as built_through_load_id
    from attempts
    inner join mature_days
        on
            attempts.funnel_name = mature_days.funnel_name
            and attempts.entry_date = mature_days.entry_date
    qualify row_number() over (
        partition by
            attempts.funnel_name,
            attempts.breakdown,
            attempts.breakdown_value,
            attempts.counted_id
        order by {{ best_attempt_first('attempts.') }}
    ) = 1

)

select * from final
