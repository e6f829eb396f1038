{# Sessions longer than they may be are rare, so only their events are walked step by
   step: the first moment after the cap begins the next. #}
{% macro overlong_sessions() -%}
    {%- set longest = setting('session_max_seconds') | int -%}
    overlong_sessions as (

        select
            person_key,
            visit_started_at,
            session_started_at,
            max(last_at) as ended_at
        from parts
        where
            {{ microsecond_of('last_at') }} - {{ microsecond_of('session_started_at') }}
            > {{ longest * 1000000 }}
        group by person_key, visit_started_at, session_started_at

    ),

    moments as (

        select
            sessions.person_key,
            sessions.visit_started_at,
            sessions.session_started_at as begun_at,
            events.event_date,
            events.occurred_at
        from events_to_place as events
        inner join overlong_sessions as sessions
            on
                events.person_key = sessions.person_key
                and events.occurred_at >= sessions.session_started_at
                and events.occurred_at <= sessions.ended_at
        group by
            sessions.person_key, sessions.visit_started_at, sessions.session_started_at,
            events.event_date, events.occurred_at

    ),

    followed_moments as (

        select
            *,
            min(occurred_at) over (
                partition by person_key, begun_at
                order by occurred_at
                range between interval '{{ longest }}.000001' second following
                and unbounded following
            ) as next_started_at
        from moments

    ),

    capped_sessions as (

        select
            person_key,
            begun_at,
            occurred_at as session_started_at,
            next_started_at
        from followed_moments
        where occurred_at = begun_at
        union all
        select
            followed_moments.person_key,
            followed_moments.begun_at,
            followed_moments.occurred_at as session_started_at,
            followed_moments.next_started_at
        from capped_sessions
        inner join followed_moments
            on
                capped_sessions.person_key = followed_moments.person_key
                and capped_sessions.begun_at = followed_moments.begun_at
                and capped_sessions.next_started_at = followed_moments.occurred_at

    ),

    capped_moments as (

        select
            followed_moments.person_key,
            followed_moments.visit_started_at,
            capped_sessions.session_started_at,
            followed_moments.event_date,
            followed_moments.occurred_at
        from followed_moments
        inner join capped_sessions
            on
                followed_moments.person_key = capped_sessions.person_key
                and followed_moments.begun_at = capped_sessions.begun_at
                and followed_moments.occurred_at >= capped_sessions.session_started_at
                and followed_moments.occurred_at
                < coalesce(
                    capped_sessions.next_started_at, timestamp '9999-12-31 00:00:00'
                )

    )
{%- endmacro %}
