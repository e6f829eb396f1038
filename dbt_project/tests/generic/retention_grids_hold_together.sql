{# A closed cell has a figure and an open one none; cell 0 is the cohort; nobody comes
   back who was not in it; where later returns count too, cells never increase. #}
{% test retention_grids_hold_together(model) %}
    with in_order as (

        select
            *,
            min(case when period_number > 0 then returned_count end) over (
                partition by retention_name, dimension, dimension_value, cohort_start
                order by period_number
                rows between unbounded preceding and current row
            ) as lowest_so_far
        from {{ model }}

    )

    select * from in_order
    where
        is_mature <> (returned_count is not null)
        or returned_count > cohort_size
        or (period_number = 0 and returned_count <> cohort_size)
        or (is_provisional and returned_count > lowest_so_far)
{% endtest %}
