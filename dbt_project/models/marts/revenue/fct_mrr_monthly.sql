{% set movements = ['new', 'reactivation', 'expansion', 'contraction', 'churn'] %}
with movements as (

    select * from {{ ref('fct_mrr_movements') }}

),

months as (

    select
        bounds.mrr_name,
        {{ date_spine_rows('bounds.first_month', 'bounds.last_month', "'1' month", 'month_start') }}
    from (
        select
            movements.mrr_name,
            cast(min(movements.month_start_date) as timestamp) as first_month,
            date_trunc(
                'month', max(watermark.watermark_local_at) - interval '0.000001' second
            ) as last_month
        from movements
        cross join {{ ref('int_revenue_watermark') }} as watermark
        group by movements.mrr_name
    ) as bounds

),

moved as (

    select
        months.mrr_name,
        months.month_start,
        {% for movement in movements %}
        coalesce(sum(case when movements.movement = '{{ movement }}' then movements.amount end), 0)
            as {{ movement }}_amount,
        count(case when movements.movement = '{{ movement }}' then 1 end)
            as {{ movement }}_customer_count,
        {% endfor %}
        coalesce(sum(movements.amount), 0) as change
    from months
    left join movements
        on
            months.mrr_name = movements.mrr_name
            and cast(months.month_start as date) = movements.month_start_date
    group by months.mrr_name, months.month_start

),

balanced as (

    select
        *,
        sum(change) over in_time as closing_amount,
        sum(new_customer_count + reactivation_customer_count - churn_customer_count)
            over in_time as closing_customer_count
    from moved
    window in_time as (partition by mrr_name order by month_start)

),

bridged as (

    select
        balanced.*,
        balanced.closing_amount - balanced.change as opening_amount,
        balanced.closing_customer_count - balanced.new_customer_count
        - balanced.reactivation_customer_count + balanced.churn_customer_count
            as opening_customer_count,
        balanced.month_start + interval '1' month <= watermark.watermark_local_at
            as is_complete
    from balanced
    cross join {{ ref('int_revenue_watermark') }} as watermark

),

final as (

    select
        mrr_name,
        cast(month_start as date) as month_start_date,
        is_complete,
        cast(opening_amount as decimal(38, 6)) as opening_amount,
        {% for movement in movements %}
        cast({{ movement }}_amount as decimal(38, 6)) as {{ movement }}_amount,
        {% endfor %}
        cast(closing_amount as decimal(38, 6)) as closing_amount,
        cast(opening_customer_count as bigint) as opening_customer_count,
        {% for movement in movements %}
        cast({{ movement }}_customer_count as bigint) as {{ movement }}_customer_count,
        {% endfor %}
        cast(closing_customer_count as bigint) as closing_customer_count,
        cast(closing_amount as double) / nullif(closing_customer_count, 0)
            as amount_per_customer,
        case when is_complete then
            cast(opening_amount + expansion_amount + contraction_amount + churn_amount as double)
            / nullif(cast(opening_amount as double), 0)
        end as net_retention_rate,
        case when is_complete then
            cast(opening_amount + contraction_amount + churn_amount as double)
            / nullif(cast(opening_amount as double), 0)
        end as gross_retention_rate,
        case when is_complete then
            cast(churn_customer_count as double) / nullif(opening_customer_count, 0)
        end as customer_churn_rate,
        case when is_complete then
            cast(new_amount + reactivation_amount + expansion_amount as double)
            / nullif(cast(-(contraction_amount + churn_amount) as double), 0)
        end as quick_ratio
    from bridged

)

select * from final
