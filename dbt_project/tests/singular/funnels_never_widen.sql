-- Nobody reaches a step without the one before, and no step takes longer than the window.
select steps.*
from {{ ref('fct_funnel_steps') }} as steps
inner join {{ ref('dim_funnels') }} as funnels
    on steps.funnel_name = funnels.funnel_name
where
    steps.person_count > steps.previous_person_count
    or steps.person_count < 0
    or steps.conversion_rate not between 0 and 1
    or steps.overall_conversion_rate not between 0 and 1
    or steps.total_p90_seconds > funnels.window_seconds
    or steps.total_mean_seconds > funnels.window_seconds
    or (steps.step > 1 and not steps.is_mature and steps.person_count is not null)
    or (steps.is_mature and steps.person_count is null)
