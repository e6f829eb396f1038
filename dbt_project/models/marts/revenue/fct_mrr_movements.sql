-- A month is worth what stands at its end, or at the watermark while it is open. Each
-- period of a subscription adds its amount in the month it begins and takes it away in
-- the month it ends; what is left of a customer's month is one movement.
with watermark as (

    select * from {{ ref('int_revenue_watermark') }}

),

steps as (

    select
        periods.mrr_name,
        periods.customer_id,
        date_trunc('month', {{ to_local_time('periods.valid_from') }}) as month_start,
        periods.monthly_amount as change
    from {{ ref('int_subscription_periods') }} as periods
    cross join watermark
    where periods.valid_from < watermark.watermark_at
    union all
    select
        periods.mrr_name,
        periods.customer_id,
        date_trunc('month', {{ to_local_time('periods.valid_to') }}) as month_start,
        -periods.monthly_amount as change
    from {{ ref('int_subscription_periods') }} as periods
    cross join watermark
    where periods.valid_to < watermark.watermark_at

),

changes as (

    select
        mrr_name,
        customer_id,
        month_start,
        sum(change) as amount
    from steps
    group by mrr_name, customer_id, month_start
    having sum(change) <> 0

),

with_balance as (

    select
        *,
        sum(amount) over in_time as closing_amount,
        row_number() over in_time = 1 as is_first
    from changes
    window in_time as (partition by mrr_name, customer_id order by month_start)

),

final as (

    select
        mrr_name,
        customer_id,
        cast(month_start as date) as month_start_date,
        case
            when is_first then 'new'
            when closing_amount = amount then 'reactivation'
            when closing_amount = 0 then 'churn'
            when amount > 0 then 'expansion'
            else 'contraction'
        end as movement,
        cast(amount as decimal(38, 6)) as amount,
        cast(closing_amount - amount as decimal(38, 6)) as opening_amount,
        cast(closing_amount as decimal(38, 6)) as closing_amount
    from with_balance

)

select * from final
