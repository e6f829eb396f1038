with order_days as (

    select * from {{ ref('int_order_days') }}

),

-- An order counts once in each group: on the day of its first positive line there.
orders as (

    select
        orders_name,
        min(order_date) as order_date,
        dimension,
        dimension_value
    from order_days
    where
        gross_amount > 0
        and order_id is not null
    group by orders_name, dimension, dimension_value, order_id

),

customer_days as (

    select
        orders_name,
        order_date,
        dimension,
        dimension_value,
        customer_id
    from order_days
    where
        gross_amount > 0
        and customer_id is not null
    group by orders_name, order_date, dimension, dimension_value, customer_id

),

new_customers as (

    select
        orders_name,
        min(order_date) as order_date,
        dimension,
        dimension_value
    from customer_days
    group by orders_name, dimension, dimension_value, customer_id

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
        sum(order_count) as order_count,
        sum(line_count) as line_count,
        sum(customer_count) as customer_count,
        sum(new_customer_count) as new_customer_count,
        sum(gross_amount) as gross_amount,
        sum(refund_amount) as refund_amount
    from (
        {% for relation, told in {
            'order_days': {
                'line_count': 'sum(line_count)',
                'gross_amount': 'sum(gross_amount)',
                'refund_amount': 'sum(refund_amount)'
            },
            'orders': {'order_count': 'count(*)'},
            'customer_days': {'customer_count': 'count(*)'},
            'new_customers': {'new_customer_count': 'count(*)'},
            'quiet_days': {}
        }.items() -%}
        select
            orders_name,
            order_date,
            dimension,
            dimension_value,
            {% for figure in [
                'order_count', 'line_count', 'customer_count', 'new_customer_count',
                'gross_amount', 'refund_amount'
            ] -%}
            {{ told.get(figure, '0') }} as {{ figure }}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ relation }}
        group by orders_name, order_date, dimension, dimension_value
        {{ 'union all' if not loop.last }}
        {% endfor %}
    ) as counted
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
