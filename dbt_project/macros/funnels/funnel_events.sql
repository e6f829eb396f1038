{# The events of one funnel, with what each of them is to it. #}

{# What else of an event is read: ids are longer than all the rest together. #}
{% macro event_columns(funnel, with_ids=false) -%}
    {%- set columns = ['occurred_at'] -%}
    {%- do columns.extend(person_columns(funnel)) -%}
    {%- if with_ids or tells_events_apart(funnel) -%}{%- do columns.append('event_id') -%}{%- endif -%}
    {{ return(columns) }}
{%- endmacro %}


{% macro counts_others_than_persons(funnel) -%}
    {{ return(funnel.counting in ('accounts', 'sessions')) }}
{%- endmacro %}


{# Who did it, where the unit does not tell. #}
{% macro person_columns(funnel) -%}
    {{ return(['person_id'] if counts_others_than_persons(funnel) else []) }}
{%- endmacro %}


{# The ids behind the keys: texts are read for what a funnel gives, not for its events. #}
{% macro id_of_unit(funnel, relation) -%}
    {{ relation ~ '.unit_key' if counts_others_than_persons(funnel) else 'persons.person_id' }}
{%- endmacro %}


{% macro id_of_person(funnel, relation) -%}
    {{ relation if counts_others_than_persons(funnel) else 'persons' }}.person_id
{%- endmacro %}


{% macro join_of_persons(funnel, relation) -%}
    {%- if not counts_others_than_persons(funnel) -%}
    inner join {{ ref('int_person_keys') }} as persons
        on {{ relation }}.unit_key = persons.person_key
    {%- endif -%}
{%- endmacro %}


{# Whether the order of events at one instant matters. #}
{% macro tells_events_apart(funnel) -%}
    {{ return(funnel.step_order != 'ordered' or funnel.ties == 'total_order') }}
{%- endmacro %}


{# Every event that is a step or voids an attempt; of a strict funnel, every event, for
   what lies between two steps matters there. `days` are the local days read. #}
{% macro funnel_events(funnel, days, with_ids=false) -%}
    {%- set plan = funnel.plan -%}
    {%- set roles = [] -%}
    {%- for step in plan.steps -%}{%- do roles.append('is_step_' ~ loop.index) -%}{%- endfor -%}
    {%- for exclusion in plan.exclusions -%}{%- do roles.append('is_exclusion_' ~ loop.index) -%}{%- endfor -%}
    select *
    from (
        select
            {{ unit_of_funnel(funnel) }} as unit_key,
            {% for column in event_columns(funnel, with_ids) -%}
            {{ column }},
            {% endfor -%}
            {% for step in plan.steps -%}
            coalesce({{ step.filter }}, false)
            {%- if step.first_of %}
            and event_id in (select event_id from first_{{ loop.index }})
            {%- endif %} as is_step_{{ loop.index }},
            {% endfor -%}
            {% for exclusion in plan.exclusions -%}
            coalesce({{ exclusion.filter }}, false) as is_exclusion_{{ loop.index }},
            {% endfor -%}
            {% for expression in plan.hold_constant -%}
            {{ expression }} as held_{{ loop.index }},
            {% endfor -%}
            {% for breakdown in plan.breakdowns -%}
            {{ group_value(breakdown) }} as group_{{ loop.index }},
            {% endfor -%}
            {{ plan.value or 'null' }} as worth
        from {{ source_of_funnel(funnel) }}
        where
            {{ plan.names }}
            {{ 'and coalesce(' ~ plan.where ~ ', false)' if plan.where }}
            {{ kept_traffic(funnel) }}
            {{ read_range(funnel) }}
            {% if days != 'all' -%}
            -- A local day lies on two UTC days.
            and event_date in ({{ date_literals(days_around(days, 1, 1)) }})
            {%- endif %}
            {{ only_units_that_enter(funnel) if funnel.step_order == 'strict' }}
    ) as seen
    where
        {% for column in track_columns(funnel) -%}
        {{ 'and ' if not loop.first }}{{ column }} is not null
        {% endfor -%}
        {% if funnel.step_order != 'strict' -%}
        and ({{ roles | join(' or ') }})
        {%- endif %}
{%- endmacro %}


{# Of a strict funnel every event is read, but only of units that ever enter: where these
   are few, sorting all others took nine tenths of its time. #}
{% macro only_units_that_enter(funnel) -%}
    and {{ unit_of_funnel(funnel) }} in (
        select {{ unit_of_funnel(funnel) }}
        from {{ source_of_funnel(funnel) }}
        where
            {{ funnel.plan.steps[0].filter }}
            {{ kept_traffic(funnel) }}
    )
{%- endmacro %}


{% macro first_event_ctes(funnel) -%}
    {%- for step in funnel.plan.steps -%}
    {%- if step.first_of %}
    first_{{ loop.index }} as ({{ first_events(funnel, step) }}),
    {% endif -%}
    {%- endfor -%}
{%- endmacro %}


{# The first of a step's events that each unit ever had, in all history. #}
{% macro first_events(funnel, step) -%}
    select event_id
    from {{ source_of_funnel(funnel) }}
    where
        {{ step.first_of }}
        and {{ unit_of_funnel(funnel) }} is not null
        {{ kept_traffic(funnel) }}
    qualify row_number() over (
        partition by {{ unit_of_funnel(funnel) }} order by occurred_at, event_id
    ) = 1
{%- endmacro %}


{# Persons go by their key: a funnel of 50 million events by their ids took 2.8 times the
   processor time. #}
{% macro unit_of_funnel(funnel) -%}
    {{ return({'accounts': funnel.plan.account, 'sessions': 'session_id'}.get(funnel.counting, 'person_key')) }}
{%- endmacro %}


{% macro source_of_funnel(funnel) -%}
    {{ events_in_sessions() ~ ' as events' if funnel.counting == 'sessions' else ref('int_events') }}
    {%- if funnel.uses_person_properties %}
    left join {{ ref('int_person_properties') }} using (person_id)
    {%- endif %}
{%- endmacro %}


{% macro kept_traffic(funnel) -%}
    {%- if not funnel.include_excluded_traffic -%}
    and not is_bot
    and not is_internal
    {%- endif -%}
{%- endmacro %}


{# Where the range holds for all events, none outside of it takes part. #}
{% macro read_range(funnel) -%}
    {%- if funnel.range_applies_to == 'all_events' -%}
    and {{ is_computed_entry(funnel, 'all') }}
    {%- endif -%}
{%- endmacro %}


{# The events once for each value that the steps may have in common. Of attribution
   `step` only events of that step are told apart. #}
{% macro split_events(funnel, breakdown) -%}
    {%- set events = 'step_events' -%}
    {%- set track = track_columns(funnel) -%}
    {%- set group = 'group_' ~ (funnel.plan.breakdowns.index(breakdown) + 1) -%}
    {%- if breakdown.attribution == 'all_events' -%}
    select
        *,
        coalesce({{ group }}, '(none)') as breakdown_value
    from {{ events }}
    {%- else -%}
    select
        {% for column in event_columns(funnel) + track -%}
        events.{{ column }},
        {% endfor -%}
        {% for step in funnel.plan.steps -%}
        events.is_step_{{ loop.index }}
        {%- if loop.index == breakdown.step %}
        and coalesce(events.{{ group }}, '(none)') = seen.breakdown_value
        {%- endif %} as is_step_{{ loop.index }},
        {% endfor -%}
        {% for exclusion in funnel.plan.exclusions -%}
        events.is_exclusion_{{ loop.index }},
        {% endfor -%}
        events.worth,
        seen.breakdown_value
    from {{ events }} as events
    inner join (
        select distinct
            {{ track | join(', ') }},
            coalesce({{ group }}, '(none)') as breakdown_value
        from {{ events }}
        where is_step_{{ breakdown.step }}
    ) as seen
        on {{ same_track(track, 'events', 'seen') }}
    {%- endif -%}
{%- endmacro %}
