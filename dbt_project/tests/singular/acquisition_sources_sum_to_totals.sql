-- Sources add up to the whole period, and all that was spent has a rate.
with costs as (

    select
        acquisition_name,
        period_start_date,
        dimension = 'all' as is_total,
        sum(acquired_count) as acquired_count,
        sum(spend_amount) as spend_amount,
        sum(attributed_amount) as attributed_amount
    from {{ ref('fct_acquisition_cost') }}
    group by 1, 2, 3

),

spend_without_rate as (

    select spend.*
    from {{ ref('stg_spend') }} as spend
    left join {{ ref('int_exchange_rate_days') }} as rates
        on
            upper(spend.currency) = rates.currency
            and spend.spend_date = rates.rate_date
    where
        {{ in_reporting_currency('spend.amount', 'upper(spend.currency)', 'rates.rate') }}
        is null
        and exists (select 1 from {{ ref('stg_catalog_acquisition') }})

)

select
    totals.acquisition_name,
    totals.period_start_date,
    totals.spend_amount,
    sources.spend_amount as sources_spend_amount
from costs as totals
inner join costs as sources
    on
        totals.acquisition_name = sources.acquisition_name
        and totals.period_start_date = sources.period_start_date
where
    totals.is_total
    and not sources.is_total
    and (
        totals.acquired_count <> sources.acquired_count
        or totals.spend_amount <> sources.spend_amount
        or totals.attributed_amount <> sources.attributed_amount
    )
union all
select
    'spend without a rate: ' || currency as acquisition_name,
    spend_date as period_start_date,
    amount as spend_amount,
    null as sources_spend_amount
from spend_without_rate
