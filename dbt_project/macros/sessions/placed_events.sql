{# Which event lies in which session. `int_session_days` tells it by person, day and time:
   a row for each event, with its ids, took 15 times as long to build (10 million events). #}

{# Whether an event can lie in a session. What a server reports on its own neither opens
   nor extends one; what a client cuts by its own ids, it has to give one. #}
{% macro can_be_placed(events) -%}
    {%- if sessions_are_of_client() -%}
    {{ events }}.vendor_session_id is not null and {{ events }}.person_id is not null
    {%- else -%}
    {{ events }}.person_key is not null and not {{ events }}.is_of_server
    {%- endif -%}
{%- endmacro %}


{% macro sessions_are_of_client() %}{{ return(setting('session_mode') == 'vendor') }}{% endmacro %}


{# Whose sessions do not overlap: a column of events, and of the days of sessions. #}
{% macro session_owner() %}
    {{ return('vendor_session_id' if sessions_are_of_client() else 'person_key') }}
{% endmacro %}


{# Events, to be read like `int_events`, with `session_id`, `session_started_at` and
   `session_start_date` beside. `join` is `left` where those outside of sessions stay;
   `days` is what of the days of sessions is looked at. #}
{% macro events_in_sessions(join='inner', days=none) -%}
    (
        select
            events.*,
            {{ session_id_of('placed') }} as session_id,
            placed.session_started_at,
            placed.session_start_date
        from {{ ref('int_events') }} as events
        {{ join }} join {{ days or ref('int_session_days') }} as placed
            on
                {{ lies_on_session_day('events', 'placed') }}
                and placed.session_started_at is not null
    )
{%- endmacro %}


{# The condition that an event lies in a visit, on one UTC day of it. #}
{% macro lies_on_session_day(events, days) -%}
    {{ events }}.{{ session_owner() }} = {{ days }}.{{ session_owner() }}
    and {{ events }}.event_date = {{ days }}.event_date
    and {{ events }}.occurred_at >= {{ days }}.first_at
    and {{ events }}.occurred_at <= {{ days }}.last_at
    and {{ can_be_placed(events) }}
{%- endmacro %}


{# The client's id, else the person's number and the microsecond of the first event. #}
{% macro session_id_of(days) -%}
    {%- if sessions_are_of_client() -%}
    {{ days }}.vendor_session_id
    {%- else -%}
    cast({{ days }}.person_key as {{ dbt.type_string() }}) || '-'
    || cast({{ microsecond_of(days ~ '.session_started_at') }} as {{ dbt.type_string() }})
    {%- endif -%}
{%- endmacro %}
