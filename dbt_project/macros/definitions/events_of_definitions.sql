{# Events as rows of the definitions that take them, each with what it is to them. #}

{# The events of every definition that a run has to compute: (name, declaration,
   event_date, event_id, occurred_at, person_id), then whether a filter takes the event,
   then what else is told of it. `parts_of` is a macro that gives for a definition
   {'filters': {column: sql}, 'told': {column: [sql or none, type]}}. #}
{% macro events_of_definitions(name, parts_of, mark) -%}
    {%- for definition in definitions_to_compute(mark) -%}
    {%- set parts = parts_of(definition) %}
    select
        '{{ definition[name] }}' as {{ name }},
        '{{ definition.declaration }}' as declaration,
        event_date,
        event_id,
        occurred_at,
        person_id
        {%- for column, sql in parts.filters.items() %},
        coalesce({{ sql }}, false) as {{ column }}
        {%- endfor %}
        {%- for column, told in parts.told.items() %},
        {{ told[0] or 'cast(null as ' ~ told[1] ~ ')' }} as {{ column }}
        {%- endfor %}
    from {{ ref('int_events') }}
    {{ joined_person_properties(definition) }}
    where
        (({{ parts.filters.values() | join(') or (') }}))
        and person_id is not null
        {% if not definition.is_whole -%}
        and {{ lies_on('event_date', changed_dates(changed_days_of(definition, mark), 'event_date')) }}
        {% endif -%}
        {{ and_kept_traffic(definition) }}
    union all
    {%- endfor -%}
    {%- set parts = parts_of({}) %}
    select
        cast(null as {{ dbt.type_string() }}) as {{ name }},
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as date) as event_date,
        cast(null as {{ dbt.type_string() }}) as event_id,
        cast(null as timestamp) as occurred_at,
        cast(null as {{ dbt.type_string() }}) as person_id
        {%- for column in parts.filters %},
        cast(null as boolean) as {{ column }}
        {%- endfor %}
        {%- for column, told in parts.told.items() %},
        cast(null as {{ told[1] }}) as {{ column }}
        {%- endfor %}
    where false
{%- endmacro %}
