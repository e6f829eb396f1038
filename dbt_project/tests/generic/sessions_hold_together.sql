{# A session ends after it starts, has events, and no other session of the person
   overlaps it. #}
{% test sessions_hold_together(model) %}

    with ordered as (

        select
            *,
            lead(started_at) over (
                partition by person_id order by started_at, session_id
            ) as next_started_at
        from {{ model }}

    )

    select *
    from ordered
    where
        ended_at < started_at
        or event_count < 1
        or next_started_at < ended_at

{% endtest %}
