{# The first or last known value among a unit's step events of each local day: of days,
   because the first of all history is the first of its days. #}
{% macro touches_of_funnel(funnel, days) -%}
    with
    {{ first_event_ctes(funnel) }}
    step_events as ({{ funnel_events(funnel, days, with_ids=true) }})
    {%- set steps = [] -%}
    {%- for step in funnel.plan.steps -%}{%- do steps.append('is_step_' ~ loop.index) -%}{%- endfor -%}
    {%- for breakdown in touch_breakdowns(funnel) -%}
    {%- set group = 'group_' ~ (funnel.plan.breakdowns.index(breakdown) + 1) %}
    select
        '{{ funnel.funnel_name }}' as funnel_name,
        '{{ breakdown.name }}' as breakdown,
        {{ id_of_unit(funnel, 'touches') }} as unit_id,
        {{ id_of_person(funnel, 'touches') }} as person_id,
        touches.touch_date,
        touches.breakdown_value,
        touches.occurred_at as touched_at,
        touches.event_id,
        '{{ breakdown.attribution }}' as attribution,
        '{{ funnel.declaration }}' as declaration
    from (
        select
            *,
            {{ group }} as breakdown_value,
            cast({{ local_time_of_funnel(funnel, 'occurred_at') }} as date) as touch_date
        from step_events
        where
            ({{ steps | join(' or ') }})
            and {{ group }} is not null
            and {{ lies_in_reach_of_range(funnel) }}
            {% if days != 'all' -%}
            and cast({{ local_time_of_funnel(funnel, 'occurred_at') }} as date) in ({{ date_literals(days) }})
            {%- endif %}
        qualify row_number() over (
            partition by unit_key, touch_date
            order by {{ 'occurred_at, event_id' if breakdown.attribution == 'first_touch' else 'occurred_at desc, event_id desc' }}
        ) = 1
    ) as touches
    {{ join_of_persons(funnel, 'touches') }}
    {{ 'union all' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{# Events of attempts that begin in the range lie in it, or in a window after it. #}
{% macro lies_in_reach_of_range(funnel) -%}
    {%- set local_at = local_time_of_funnel(funnel, 'occurred_at') -%}
    {{ local_at ~ " >= timestamp '" ~ funnel.range_from ~ "'" if funnel.range_from is not none else 'true' }}
    {%- if funnel.range_to is not none %}
        and {{ local_at }} < timestamp '{{ funnel.range_to }}'
        {%- if funnel.range_applies_to == 'entry' %} + interval '{{ funnel.window_seconds }}' second{% endif %}
    {%- endif %}
{%- endmacro %}


{% macro no_touches() -%}
    select
        cast(null as {{ dbt.type_string() }}) as funnel_name,
        cast(null as {{ dbt.type_string() }}) as breakdown,
        cast(null as {{ dbt.type_string() }}) as unit_id,
        cast(null as {{ dbt.type_string() }}) as person_id,
        cast(null as date) as touch_date,
        cast(null as {{ dbt.type_string() }}) as breakdown_value,
        cast(null as timestamp) as touched_at,
        cast(null as {{ dbt.type_string() }}) as event_id,
        cast(null as {{ dbt.type_string() }}) as attribution,
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as {{ dbt.type_string() }}) as built_through_load_id
    where false
{%- endmacro %}
