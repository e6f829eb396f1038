-- What opened a month and moved in it is what closed it; it is what stood at the month's
-- end, added up from the subscriptions themselves; and it opens the next month.
with monthly as (

    select
        *,
        lag(closing_amount) over (
            partition by mrr_name order by month_start_date
        ) as previous_closing_amount
    from {{ ref('fct_mrr_monthly') }}

),

ends as (

    select
        monthly.*,
        least(
            cast(monthly.month_start_date as timestamp) + interval '1' month,
            watermark.watermark_local_at
        ) as ends_at
    from monthly
    cross join {{ ref('int_revenue_watermark') }} as watermark

),

standing as (

    select
        ends.mrr_name,
        ends.month_start_date,
        coalesce(sum(periods.monthly_amount), 0) as amount,
        count(distinct periods.customer_id) as customer_count
    from ends
    left join {{ ref('int_subscription_periods') }} as periods
        on
            ends.mrr_name = periods.mrr_name
            and {{ to_local_time('periods.valid_from') }} < ends.ends_at
            and {{ to_local_time('periods.valid_to') }} >= ends.ends_at
    group by ends.mrr_name, ends.month_start_date

)

select ends.*
from ends
inner join standing
    on
        ends.mrr_name = standing.mrr_name
        and ends.month_start_date = standing.month_start_date
where
    ends.opening_amount + ends.new_amount + ends.reactivation_amount
    + ends.expansion_amount + ends.contraction_amount + ends.churn_amount
    <> ends.closing_amount
    or ends.opening_amount <> coalesce(ends.previous_closing_amount, 0)
    or ends.closing_amount <> standing.amount
    or ends.closing_customer_count <> standing.customer_count
    or ends.gross_retention_rate > 1
    or ends.contraction_amount > 0
    or ends.churn_amount > 0
