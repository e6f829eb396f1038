{# Unordered funnels: any step opens, the others follow in any order, strictly later.
   For each choice of steps that `times` speaks of, one join finds the next events that
   are one of them; k different steps are done at the latest of what `times` lists for
   k (funnel_ties.py). Steps that share no event name are a choice each, and then these
   times are those of their next events, in order. #}
{% macro unordered_attempts(funnel, events, track, days) -%}
    {%- set plan = funnel.plan -%}
    {%- set any_step = [] -%}
    {%- for step in plan.steps -%}{%- do any_step.append('is_step_' ~ loop.index) -%}{%- endfor -%}
    select
        {{ (track + person_columns(funnel)) | join(', ') }},
        event_id,
        {% for step in plan.steps -%}
        moments[{{ loop.index }}] as step_{{ loop.index }}_at,
        {% endfor -%}
        worth
    from (
        select
            {{ same_columns('opening', track + person_columns(funnel)) }},
            opening.event_id,
            {{ sorted_moments(unordered_times(plan)) }} as moments,
            {% if plan.value -%}
            case when opening.is_step_{{ funnel.step_count }} then opening.worth else valued.worth end
            {%- else -%}
            null
            {%- endif %} as worth
        from (
            select *
            from {{ events }}
            where
                ({{ any_step | join(' or ') }})
                and {{ is_computed_entry(funnel, days) }}
        ) as opening
        {%- for choice in plan.choices %}
        {{ asof_left_join() }} ({{ next_of_choice(events, track, choice) }}) as choice_{{ loop.index0 }}
            on
                {{ same_track(track, 'opening', 'choice_' ~ loop.index0) }}
                and opening.occurred_at < choice_{{ loop.index0 }}.then_1
        {%- endfor %}
        {%- if plan.value %}
        {{ asof_left_join() }} (
            {{ moments_of_step(events, track, 'occurred_at', 'is_step_' ~ funnel.step_count, true) }}
        ) as valued
            on
                {{ same_track(track, 'opening', 'valued') }}
                and opening.occurred_at < valued.occurred_at
        {%- endif %}
    ) as timed
{%- endmacro %}


{# The events that are one of some steps, and as many after each as are asked for; of
   events at one instant the first, so that the count begins right. #}
{% macro next_of_choice(events, track, choice) -%}
    {%- set in_order = 'partition by ' ~ track | join(', ') ~ ' order by occurred_at, event_id' -%}
    select *
    from (
        select
            {{ track | join(', ') }},
            occurred_at as then_1,
            {% for further in range(1, choice.size) -%}
            lead(occurred_at, {{ further }}) over ({{ in_order }}) as then_{{ further + 1 }},
            {% endfor -%}
            lag(occurred_at) over ({{ in_order }}) as previous_at
        from {{ events }}
        where {{ choice.condition }}
    ) as matching
    where previous_at is null or previous_at < then_1
{%- endmacro %}


{# One expression for each number of steps done: its time, null if never. The opening
   event counts as the first of each choice it belongs to. #}
{% macro unordered_times(plan) -%}
    {%- set times = [] -%}
    {%- for terms in plan.times -%}
        {%- set moments = [] -%}
        {%- for term in terms -%}
            {%- set opens = '(' ~ plan.choices[term.choice].condition.replace('is_step_', 'opening.is_step_') ~ ')' -%}
            {%- set name = 'choice_' ~ term.choice ~ '.then_' -%}
            {%- set before = name ~ (term.nth - 1) if term.nth > 1 else 'opening.occurred_at' -%}
            {%- do moments.append('case when ' ~ opens ~ ' then ' ~ before ~ ' else ' ~ name ~ term.nth ~ ' end') -%}
        {%- endfor -%}
        {%- do times.append(moments[0] if moments | length == 1 else latest_of(moments)) -%}
    {%- endfor -%}
    {{ return(times) }}
{%- endmacro %}


{# The latest of some moments, null where one of them never comes. #}
{% macro latest_of(moments) -%}
    case
        when {% for moment in moments %}({{ moment }}) is not null{{ ' and ' if not loop.last }}{% endfor %}
            then greatest({{ moments | join(', ') }})
    end
{%- endmacro %}
