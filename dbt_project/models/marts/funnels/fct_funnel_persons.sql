{{ config(materialized='view') }}

with bests as (

    select * from {{ ref('int_funnel_bests') }}

),

final as (

    select
        funnel_name,
        breakdown,
        breakdown_value,
        counted_id,
        person_id,
        attempt_id,
        entered_at,
        reached_step,
        last_step_at
    from bests

)

select * from final
