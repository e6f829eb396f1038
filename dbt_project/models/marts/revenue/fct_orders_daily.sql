-- An order counts once in each group: on the day of its first positive line there.
with order_days as (

    select
        *,
        min(case when gross_amount > 0 then order_date end) over (
            partition by orders_name, dimension, dimension_value, order_id
        ) as ordered_on,
        min(case when gross_amount > 0 then order_date end) over (
            partition by orders_name, dimension, dimension_value, customer_id
        ) as first_ordered_on
    from {{ ref('int_order_days') }}

),

-- Quiet days of the total stand in the calendar with nothing sold.
quiet_days as (

    select
        bounds.orders_name,
        calendar.date_day as order_date,
        'all' as dimension,
        'all' as dimension_value
    from (
        select
            orders_name,
            min(order_date) as first_date
        from order_days
        group by orders_name
    ) as bounds
    inner join {{ ref('int_calendar_days') }} as calendar
        on bounds.first_date <= calendar.date_day

),

added_up as (

    select
        orders_name,
        order_date,
        dimension,
        dimension_value,
        count(distinct case when order_date = ordered_on and gross_amount > 0 then order_id end)
            as order_count,
        coalesce(sum(line_count), 0) as line_count,
        count(distinct case when gross_amount > 0 then customer_id end) as customer_count,
        count(distinct case when order_date = first_ordered_on and gross_amount > 0 then customer_id end)
            as new_customer_count,
        coalesce(sum(gross_amount), 0) as gross_amount,
        coalesce(sum(refund_amount), 0) as refund_amount
    from (
        select
            orders_name,
            order_date,
            dimension,
            dimension_value,
            order_id,
            customer_id,
            ordered_on,
            first_ordered_on,
            line_count,
            gross_amount,
            refund_amount
        from order_days
        union all
        select
            orders_name,
            order_date,
            dimension,
            dimension_value,
            null as order_id,
            null as customer_id,
            null as ordered_on,
            null as first_ordered_on,
            null as line_count,
            null as gross_amount,
            null as refund_amount
        from quiet_days
    ) as all_days
    group by orders_name, order_date, dimension, dimension_value

),

final as (

    select
        added_up.orders_name,
        added_up.order_date,
        added_up.dimension,
        added_up.dimension_value,
        cast(added_up.order_date as timestamp) + interval '1' day
        <= watermark.watermark_local_at as is_complete,
        cast(added_up.order_count as bigint) as order_count,
        cast(added_up.line_count as bigint) as line_count,
        cast(added_up.customer_count as bigint) as customer_count,
        cast(added_up.new_customer_count as bigint) as new_customer_count,
        cast(added_up.gross_amount as decimal(38, 6)) as gross_amount,
        cast(added_up.refund_amount as decimal(38, 6)) as refund_amount,
        cast(added_up.gross_amount + added_up.refund_amount as decimal(38, 6)) as net_amount,
        cast(added_up.gross_amount as double) / nullif(added_up.order_count, 0)
            as amount_per_order,
        cast(added_up.gross_amount + added_up.refund_amount as double)
        / nullif(added_up.customer_count, 0) as amount_per_customer,
        case
            when added_up.dimension = 'all'
                then
                    cast(added_up.gross_amount + added_up.refund_amount as double)
                    / nullif(actives.daily_active_persons, 0)
        end as amount_per_active_person
    from added_up
    cross join {{ ref('int_watermark') }} as watermark
    left join {{ ref('fct_active_persons_daily') }} as actives
        on added_up.order_date = actives.activity_date

)

select * from final
