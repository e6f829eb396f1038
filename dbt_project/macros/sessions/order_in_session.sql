{# The order of a session's events as one number: the order by (occurred_at, event_id) is
   total, but to compare both for each of a dozen attributes took 3 times as long. Only
   events that share an instant are told apart by their ids. #}

{# The events of some days that share an instant with another of the same session:
   `place` counts them. `lies_on_days` is a condition on `events`. #}
{% macro events_of_one_instant(lies_on_days) -%}
    select
        events.{{ session_owner() }},
        events.occurred_at,
        events.event_id,
        row_number() over (
            partition by events.{{ session_owner() }}, events.occurred_at
            order by events.event_id
        ) as place
    from {{ ref('int_events') }} as events
    inner join (
        select
            {{ session_owner() }},
            occurred_at
        from {{ ref('int_events') }} as events
        where
            {{ can_be_placed('events') }}
            and {{ lies_on_days }}
        group by {{ session_owner() }}, occurred_at
        having count(*) > 1
    ) as shared
        on
            events.{{ session_owner() }} = shared.{{ session_owner() }}
            and events.occurred_at = shared.occurred_at
    where
        {{ can_be_placed('events') }}
        and {{ lies_on_days }}
{%- endmacro %}


{# Microseconds since the session began, with room for the place within one. #}
{% macro order_in_session(events, ties) -%}
    {%- set longest = (setting('session_max_seconds') | int + 1) * 1000000 -%}
    (
        {{ microsecond_of(events ~ '.occurred_at') }}
        - {{ microsecond_of(events ~ '.session_started_at') }}
    ) * {{ 2 ** 62 // longest }} + coalesce({{ ties }}.place, 0)
{%- endmacro %}
