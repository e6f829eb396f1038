{# Ordered funnels: from each entry to the first event of step 2 after it, from there to
   the first of step 3, and so on; who has no next step in time is done. One join for
   each step finds the next event of a track, so no pair of events is ever made. Each
   block gives the attempts of one run, a row for each: the track, who did it, step_1_at,
   step_2_at, …, worth. #}

{# Steps that share no event name, or whose order is told by ids or by later times. #}
{% macro ordered_attempts(funnel, events, track, days) -%}
    {%- set key = 'event_order' if funnel.ties == 'total_order' else 'occurred_at' -%}
    {%- set before = '<=' if funnel.ties == 'in_order' else '<' -%}
    {%- set count = funnel.step_count -%}
    {%- set listed = track | join(', ') -%}
    with
    {%- if funnel.ties == 'total_order' %}
    numbered_events as (

        select
            *,
            row_number() over (partition by {{ listed }} order by occurred_at, event_id)
                as event_order
        from {{ events }}

    ),
    {%- endif %}
    {%- set relation = 'numbered_events' if funnel.ties == 'total_order' else events %}

    step_1 as (

        select
            {{ listed }},
            {% for column in person_columns(funnel) -%}
            min({{ column }}) as {{ column }},
            {% endfor -%}
            {{ key }} as reached_key,
            {{ 'occurred_at' if key == 'occurred_at' else 'min(occurred_at)' }} as step_1_at,
            {{ 'max(worth)' if funnel.plan.value else 'null' }} as worth
        from {{ relation }}
        where
            is_step_1
            and {{ is_computed_entry(funnel, days) }}
        group by {{ listed }}, {{ key }}

    )
    {%- for step in range(2, count + 1) %},

    step_{{ step }} as (

        select
            {{ same_columns('reached', track + person_columns(funnel)) }},
            case when {{ is_in_time('later', funnel) }} then later.{{ key }} end as reached_key,
            {% for earlier in range(1, step) -%}
            reached.step_{{ earlier }}_at,
            {% endfor -%}
            case when {{ is_in_time('later', funnel) }} then later.occurred_at end as step_{{ step }}_at,
            later.worth
        from (select * from step_{{ step - 1 }} where reached_key is not null) as reached
        {{ asof_left_join() }} (
            {{ moments_of_step(relation, track, key, 'is_step_' ~ step, step == count and funnel.plan.value) }}
        ) as later
            on
                {{ same_track(track, 'reached', 'later') }}
                and reached.reached_key {{ before }} later.{{ key }}

    )
    {%- endfor %}

    {% for last in range(1, count + 1) -%}
    select
        {{ (track + person_columns(funnel)) | join(', ') }},
        {% for step in range(1, count + 1) -%}
        {{ 'step_' ~ step ~ '_at' if step <= last else 'cast(null as timestamp) as step_' ~ step ~ '_at' }},
        {% endfor -%}
        {{ 'worth' if last == count else 'null as worth' }}
    from step_{{ [last + 1, count] | min }}
    {% if last < count -%}
    where step_{{ last + 1 }}_at is null
    union all
    {% elif count > 1 -%}
    where step_{{ count }}_at is not null
    {%- endif %}
    {% endfor -%}
{%- endmacro %}


{% macro is_in_time(later, funnel) -%}
    {{ later }}.occurred_at <= {{ end_of_window('reached.step_1_at', funnel) }}
{%- endmacro %}


{# When events of a step lie; of several at one instant the highest worth counts. #}
{% macro moments_of_step(relation, track, key, condition, with_worth) -%}
    {%- if with_worth -%}
    select
        {{ track | join(', ') }},
        {{ key }},
        {{ 'min(occurred_at) as occurred_at,' if key != 'occurred_at' }}
        max(worth) as worth
    from {{ relation }}
    where {{ condition }}
    group by {{ track | join(', ') }}, {{ key }}
    {%- else -%}
    select
        {{ track | join(', ') }},
        {{ 'occurred_at, ' if key != 'occurred_at' }}{{ key }},
        null as worth
    from {{ relation }}
    where {{ condition }}
    {%- endif -%}
{%- endmacro %}


{# Steps that share event names, equal times counting as in order: one event fills one
   step only. Of each instant, `reach_k` is the earliest step f such that its events can
   fill the steps f to k (funnel_ties.py): from an instant whose first filled step is
   `began`, step k is at the same instant if reach_k <= began, else at a later one. #}
{% macro tied_attempts(funnel, events, track, days) -%}
    {%- set count = funnel.step_count -%}
    {%- set instants -%}
    select
        {{ track | join(', ') }},
        occurred_at,
        {% for column in person_columns(funnel) -%}
        min(case when is_step_1 then {{ column }} end) as {{ column }},
        {% endfor -%}
        {% for reach in funnel.plan.reach -%}
        {{ reach }} as reach_{{ loop.index }},
        {% endfor -%}
        max(case when is_step_{{ count }} then worth end) as worth
    from {{ events }}
    group by {{ track | join(', ') }}, occurred_at
    {%- endset -%}
    with instants as (

        {{ instants }}

    ),

    step_1 as (

        select
            {{ (track + person_columns(funnel)) | join(', ') }},
            occurred_at as step_1_at,
            1 as began,
            {% for reach in funnel.plan.reach[1:] -%}
            reach_{{ loop.index + 1 }},
            {% endfor -%}
            worth
        from instants
        where
            reach_1 is not null
            and {{ is_computed_entry(funnel, days) }}

    )

    {%- for step in range(2, count + 1) %}
    {%- set stays = 'coalesce(reached.reach_' ~ step ~ ' <= reached.began, false)' %},

    step_{{ step }} as (

        select
            {{ same_columns('reached', track + person_columns(funnel)) }},
            {% for earlier in range(1, step) -%}
            reached.step_{{ earlier }}_at,
            {% endfor -%}
            case
                when {{ stays }} then reached.step_{{ step - 1 }}_at
                else later.occurred_at
            end as step_{{ step }}_at,
            case when {{ stays }} then reached.began else {{ step }} end as began,
            {% for further in range(step + 1, count + 1) -%}
            case when {{ stays }} then reached.reach_{{ further }} else later.reach_{{ further }} end
                as reach_{{ further }},
            {% endfor -%}
            case when {{ stays }} then reached.worth else later.worth end as worth
        from step_{{ step - 1 }} as reached
        {{ asof_left_join() }} (select * from instants where reach_{{ step }} is not null) as later
            on
                {{ same_track(track, 'reached', 'later') }}
                and reached.step_{{ step - 1 }}_at < later.occurred_at

    )
    {%- endfor %}

    select
        {{ (track + person_columns(funnel)) | join(', ') }},
        {% for step in range(1, count + 1) -%}
        step_{{ step }}_at,
        {% endfor -%}
        worth
    from step_{{ count }}
{%- endmacro %}
