{# Sessions as the client cuts them, by ids of its own. One it keeps for ever ends at the
   cap: what comes after lies in no session. #}
{% macro sessions_of_clients(mark) -%}
    select
        cast(null as bigint) as person_key,
        vendor_session_id,
        visit_started_at,
        case when is_in_session then visit_started_at end as session_started_at,
        event_date,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from (
        select
            *,
            occurred_at
            <= visit_started_at + interval '{{ setting('session_max_seconds') }}' second
                as is_in_session
        from (
            select
                *,
                min(occurred_at) over (partition by vendor_session_id) as visit_started_at
            from ({{ events_to_place(mark, ['occurred_at']) }}) as events
        ) as started
    ) as capped
    group by vendor_session_id, visit_started_at, is_in_session, event_date
{%- endmacro %}
