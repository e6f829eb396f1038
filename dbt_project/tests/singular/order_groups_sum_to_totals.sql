-- Lines and money of the groups of a dimension add up to those of the day, an order is in
-- one group at least, and refunds never add to what is sold.
with totals as (

    select * from {{ ref('fct_orders_daily') }}
    where dimension = 'all'

),

dimensions as (

    select
        orders_name,
        order_date,
        dimension,
        sum(line_count) as line_count,
        sum(customer_count) as customer_count,
        sum(gross_amount) as gross_amount,
        sum(refund_amount) as refund_amount
    from {{ ref('fct_orders_daily') }}
    where dimension <> 'all'
    group by orders_name, order_date, dimension

)

select
    totals.orders_name,
    totals.order_date,
    dimensions.dimension,
    totals.gross_amount,
    dimensions.gross_amount as group_gross_amount
from totals
left join dimensions
    on
        totals.orders_name = dimensions.orders_name
        and totals.order_date = dimensions.order_date
where
    totals.line_count <> dimensions.line_count
    or totals.gross_amount <> dimensions.gross_amount
    or totals.refund_amount <> dimensions.refund_amount
    or totals.customer_count > dimensions.customer_count
    or totals.refund_amount > 0
    or totals.gross_amount < 0
    or totals.order_count > totals.line_count
