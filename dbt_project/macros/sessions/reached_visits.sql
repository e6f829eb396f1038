{# What is placed in sessions again when days change. #}

{# The events of changed days, and what of the visits that these reach lies on others. #}
{% macro events_to_place(mark, columns) -%}
    {%- set neighbours = days_of_reached_visits(mark) if is_incremental() else [] -%}
    select
        {{ session_owner() }},
        event_date,
        {{ columns | join(', ') }}
    from {{ ref('int_events') }} as events
    where
        {{ can_be_placed('events') }}
        {% if is_incremental() -%}
        and {{ lies_in_changed_days('event_date', mark) }}
        {%- endif %}
    {% if neighbours -%}
    union all
    select
        events.{{ session_owner() }},
        events.event_date,
        events.{{ columns | join(', events.') }}
    from {{ ref('int_events') }} as events
    inner join (
        select *
        from {{ this }}
        where
            {{ visit_key() }} in ({{ reached_visits(this, mark) }})
            and event_date in ({{ date_literals(neighbours) }})
    ) as placed
        on {{ lies_on_session_day('events', 'placed') }}
    where events.event_date in ({{ date_literals(neighbours) }})
    {%- endif %}
{%- endmacro %}


{# The days that did not change on which reached visits have events. #}
{% macro days_of_reached_visits(mark) -%}
    {%- set query -%}
        select event_date
        from {{ this }}
        where
            {{ visit_key() }} in ({{ reached_visits(this, mark) }})
            and not {{ lies_in_changed_days('event_date', mark) }}
    {%- endset -%}
    {{ return(changed_dates(query, 'event_date') if execute else []) }}
{%- endmacro %}


{# What tells the visits of a table of session days apart. #}
{% macro visit_key() -%}
    {{ return('vendor_session_id' if sessions_are_of_client() else '(person_key, visit_started_at)') }}
{%- endmacro %}


{# The visits that changed days reach: of a client's, those that have an event there or
   had one. Else the runs of activity that touch a changed day, or come within the
   timeout of one: they may grow, split or join. #}
{% macro reached_visits(relation, mark) -%}
    {%- if sessions_are_of_client() -%}
    select vendor_session_id
    from {{ ref('int_events') }} as events
    where
        {{ can_be_placed('events') }}
        and {{ lies_in_changed_days('event_date', mark) }}
    union
    select vendor_session_id
    from {{ relation }}
    where {{ lies_in_changed_days('event_date', mark) }}
    {%- else -%}
    {%- set timeout = setting('session_timeout_seconds') | int -%}
    select
        placed.person_key,
        placed.visit_started_at
    from {{ relation }} as placed
    inner join (
        select
            changed.event_date + neighbour.offset_days as event_date,
            changed.event_date - interval '{{ timeout }}' second as reached_from,
            changed.event_date + interval '{{ 86400 + timeout }}' second as reached_to
        from ({{ changed_days_since(mark) }}) as changed
        cross join (values (-1), (0), (1)) as neighbour (offset_days)
    ) as reach
        on placed.event_date = reach.event_date
    where
        {{ lies_in_changed_days('placed.event_date', mark, days_around=1) }}
        and placed.last_at >= reach.reached_from
        and placed.first_at <= reach.reached_to
    {%- endif %}
{%- endmacro %}


{# Incremental strategy of the days of sessions: all of a reached visit makes way. #}
{% macro get_incremental_replace_visits_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set mark = high_water_mark('built_through_load_id') %}

    delete from {{ target }}
    where
        {{ lies_in_changed_days('event_date', mark) }}
        or {{ visit_key() }} in ({{ reached_visits(target, mark) }});

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}
