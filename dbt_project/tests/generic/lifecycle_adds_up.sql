{# New, returning and resurrecting persons are those active; returning and dormant ones are
   those active in the period before. #}
{% test lifecycle_adds_up(model) %}
    with in_order as (

        select
            *,
            lag(active_count) over (
                partition by lifecycle_name, period order by period_start
            ) as previous_active_count
        from {{ model }}

    )

    select * from in_order
    where
        new_count + returning_count + resurrecting_count <> active_count
        or returning_count + dormant_count <> coalesce(previous_active_count, 0)
{% endtest %}
