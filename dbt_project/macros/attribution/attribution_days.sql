{# Which conversions of an attribution are credited in a run. #}

{# By attribution: `all` where its declaration is new, or a person's properties may have
   changed; else the UTC days that changed: those of `events`, those on which `sessions`
   start, and those, `reached`, on which conversions may follow such a session. Where
   nothing changed, an attribution is left out. #}
{% macro attribution_days_to_compute(known_declarations, mark) -%}
    {%- if not execute -%}{{ return({}) }}{%- endif -%}
    {%- set declared = declared_attributions() -%}
    {%- set known = [] -%}
    {%- for attribution in declared
        if known_declarations.get(attribution.attribution_name) == attribution.declaration -%}
        {%- do known.append(attribution) -%}
    {%- endfor -%}
    {%- set events = changed_dates(changed_days_since(mark), 'event_date') if known else [] -%}
    {%- set sessions = changed_dates(changed_session_days_since(mark), 'session_start_date') if known else [] -%}
    {%- set computed = {} -%}
    {%- for attribution in declared -%}
        {%- if attribution not in known or (events and attribution.uses_person_properties) -%}
            {%- do computed.update({attribution.attribution_name: 'all'}) -%}
        {%- elif events or sessions -%}
            {%- do computed.update({attribution.attribution_name: {
                'events': events,
                'sessions': sessions,
                'reached': days_around(sessions, 1, attribution.lookback_days + 1)
            }}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(computed) }}
{%- endmacro %}


{# The condition that a conversion is credited anew: it lies on a changed day, or it may
   follow a session of a changed day, of a person who has, or had, one there. #}
{% macro is_credited_anew(days, touches) -%}
    {%- if days == 'all' -%}
    true
    {%- else -%}
    (
        {{ lies_on('event_date', days.events) }}
        or (
            {{ lies_on('event_date', days.reached) }}
            and person_id in (
                select sessions.person_id
                from {{ ref('int_sessions') }} as sessions
                where {{ lies_on('sessions.session_start_date', days.sessions) }}
                union
                select touches.person_id
                from {{ touches }} as touches
                where {{ lies_on('touches.session_start_date', days.sessions) }}
            )
        )
    )
    {%- endif -%}
{%- endmacro %}


{# Incremental strategy of touches: those of the conversions just credited make way for
   the new ones, also where a conversion is gone; rows of a declaration that no longer
   stands (changed, or taken out of the catalog) go. #}
{% macro get_incremental_replace_attribution_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set computed = arguments['temp_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set days = attribution_days_to_compute(
        declarations_by('attribution_name', target), high_water_mark('built_through_load_id')
    ) %}

    delete from {{ target }}
    where
        not {{ is_declared(declared_attributions(), 'attribution_name') }}
        {% for name, changed in days.items() %}
        or (attribution_name = '{{ name }}' and {{ is_credited_anew(changed, target) }})
        {% endfor %};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ computed }}
{% endmacro %}
