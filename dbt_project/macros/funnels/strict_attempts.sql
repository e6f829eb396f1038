{# Strict funnels: the steps are consecutive among all events of the track, in the total
   order. One pass: what an event is, and what the ones right after it are. #}
{% macro strict_attempts(funnel, events, track, days) -%}
    {%- set in_order = 'partition by ' ~ track | join(', ') ~ ' order by occurred_at, event_id' -%}
    select
        {{ (track + person_columns(funnel)) | join(', ') }},
        event_id,
        step_1_at,
        {% for step in funnel.plan.steps[1:] -%}
        {%- set here = loop.index + 1 -%}
        case
            when {% for earlier in range(2, here + 1) %}then_{{ earlier }}{{ ' and ' if not loop.last }}{% endfor %}
                then moment_{{ here }}
        end as step_{{ here }}_at,
        {% endfor -%}
        worth
    from (
        select
            {{ (track + person_columns(funnel)) | join(', ') }},
            occurred_at,
            event_id,
            occurred_at as step_1_at,
            is_step_1,
            {% for step in funnel.plan.steps[1:] -%}
            lead(is_step_{{ loop.index + 1 }}, {{ loop.index }}) over in_order as then_{{ loop.index + 1 }},
            lead(occurred_at, {{ loop.index }}) over in_order as moment_{{ loop.index + 1 }},
            {% endfor -%}
            lead(worth, {{ funnel.step_count - 1 }}) over in_order as worth
        from {{ events }} as events
        window in_order as ({{ in_order }})
    ) as placed
    where
        is_step_1
        and {{ is_computed_entry(funnel, days) }}
{%- endmacro %}
