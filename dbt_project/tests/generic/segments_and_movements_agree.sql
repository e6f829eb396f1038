{# The persons of a segment are those of the day before, plus who came, minus who left. #}
{% test segments_and_movements_agree(model, movements) %}
    with moved as (

        select segmentation_name, activity_date, to_segment as segment, person_count as change
        from {{ movements }}
        union all
        select segmentation_name, activity_date, from_segment as segment, -person_count as change
        from {{ movements }}

    ),

    net as (

        select segmentation_name, activity_date, segment, sum(change) as change
        from moved
        group by segmentation_name, activity_date, segment

    ),

    in_order as (

        select
            *,
            lag(person_count) over (
                partition by segmentation_name, segment order by activity_date
            ) as earlier_count
        from {{ model }}

    )

    select in_order.*, net.change
    from in_order
    left join net
        on
            in_order.segmentation_name = net.segmentation_name
            and in_order.activity_date = net.activity_date
            and in_order.segment = net.segment
    where
        in_order.person_count
        <> coalesce(in_order.earlier_count, 0) + coalesce(net.change, 0)
{% endtest %}
