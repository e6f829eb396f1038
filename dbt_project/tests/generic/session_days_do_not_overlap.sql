{# A day of a session ends after it starts, and no other of the same person
   (or client's session id) overlaps it: an event lies in one session. Only days that the
   newest load placed anew are looked at. #}
{% test session_days_do_not_overlap(model) %}

    with followed as (

        select
            *,
            lead(first_at) over (
                partition by person_key, vendor_session_id, event_date
                order by first_at, last_at
            ) as next_first_at
        from {{ model }}
        where event_date in (
            select event_date
            from {{ model }}
            where built_through_load_id = {{ newest_load() }}
        )

    )

    select *
    from followed
    where
        (person_key is null) = (vendor_session_id is null)
        or last_at < first_at
        or next_first_at <= last_at

{% endtest %}
