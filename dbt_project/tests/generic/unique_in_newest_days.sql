{# Uniqueness of an event-grain column among the events of the days that the newest
   load changed: what older nights have proved is not proved again every night. A value
   is sought on all days, so that a second copy elsewhere is found. #}
{% test unique_in_newest_days(model, column) %}

    with newest as (

        select {{ column }}
        from {{ model }}
        where event_date in (
            select event_date
            from {{ ref('int_event_days') }}
            where last_load_id = (select max(last_load_id) from {{ ref('int_event_days') }})
        )

    )

    select
        {{ column }},
        count(*) as row_count
    from {{ model }}
    where {{ column }} in (select {{ column }} from newest)
    group by {{ column }}
    having count(*) > 1

{% endtest %}
