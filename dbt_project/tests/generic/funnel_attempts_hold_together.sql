{# An attempt has a time for each step it reached, in order, from its entry to no later
   than the end of the window. #}
{% test funnel_attempts_hold_together(model) %}

    select attempts.*
    from {{ model }} as attempts
    inner join {{ ref('stg_catalog_funnels') }} as funnels
        on attempts.funnel_name = funnels.funnel_name
    where
        attempts.reached_step < 1
        or attempts.reached_step > funnels.step_count
        or {{ length_of('attempts.step_times') }} <> attempts.reached_step
        or {{ item_of('attempts.step_times', 1) }} <> attempts.entered_at
        or {{ item_of('attempts.step_times', 'attempts.reached_step') }}
        > attempts.entered_at + funnels.window_seconds * interval '1' second
        {% for step in range(1, 20) %}
        or {{ item_of('attempts.step_times', step) }} > {{ item_of('attempts.step_times', step + 1) }}
        {% endfor %}

{% endtest %}
