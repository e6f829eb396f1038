{{ config(materialized='view') }}

with attempts as (

    select * from {{ ref('int_funnel_attempts') }}

),

final as (

    select
        attempts.funnel_name,
        attempts.breakdown,
        attempts.breakdown_value,
        attempts.attempt_id,
        attempts.person_id,
        attempts.unit_id,
        attempts.entered_at,
        attempts.entry_date,
        attempts.reached_step,
        {{ json_text_of_list('attempts.step_times') }} as step_times,
        attempts.reached_step = funnels.step_count as is_converted,
        case when attempts.reached_step = funnels.step_count then attempts.last_step_at end
            as converted_at,
        case
            when attempts.reached_step = funnels.step_count
                then cast(
                    {{ seconds_between('attempts.entered_at', 'attempts.last_step_at') }} as double
                )
        end as seconds_to_convert,
        case when attempts.reached_step = funnels.step_count then attempts.worth end
            as conversion_value,
        attempts.entered_at + funnels.window_seconds * interval '1' second
        <= watermark.watermark_at as is_mature
    from attempts
    inner join {{ ref('stg_catalog_funnels') }} as funnels
        on attempts.funnel_name = funnels.funnel_name
    cross join {{ ref('int_watermark') }} as watermark

)

select * from final
