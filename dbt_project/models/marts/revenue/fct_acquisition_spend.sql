-- What was spent comes from the landed table, what it returned from an attribution.
with definitions as (

    select
        acquisition.*,
        ltv.period,
        {{ weekday_number('ltv.week_start') }} as week_shift
    from {{ ref('stg_catalog_acquisition') }} as acquisition
    inner join {{ ref('stg_catalog_cohort_ltv') }} as ltv
        on acquisition.ltv_name = ltv.ltv_name

),

daily as (

    select
        definitions.*,
        cast(spend.spend_date as timestamp) as day_start,
        coalesce(
            case definitions.spend_column
                {% for column in ['utm_source', 'utm_medium', 'utm_campaign', 'ad_group', 'ad', 'country', 'platform'] %}
                when '{{ column }}' then spend.{{ column }}
                {% endfor %}
            end,
            '(none)'
        ) as source,
        {{ in_reporting_currency('spend.amount', 'upper(spend.currency)', 'rates.rate') }}
            as spend_amount,
        null as attributed_amount
    from {{ ref('stg_spend') }} as spend
    inner join definitions
        on spend.source = coalesce(definitions.spend_source, spend.source)
    left join {{ ref('int_exchange_rate_days') }} as rates
        on
            upper(spend.currency) = rates.currency
            and spend.spend_date = rates.rate_date
    union all
    select
        definitions.*,
        cast(attribution.conversion_date as timestamp) as day_start,
        attribution.channel as source,
        null as spend_amount,
        attribution.amount as attributed_amount
    from {{ ref('fct_attribution') }} as attribution
    inner join definitions
        on
            attribution.attribution_name = definitions.attribution_name
            and attribution.model = definitions.model

),

summed as (

    select
        acquisition_name,
        max(period) as period,
        period_start,
        case when grouping(source) = 0 then max(dimension) else 'all' end as dimension,
        case when grouping(source) = 0 then source else 'all' end as source,
        sum(spend_amount) as spend_amount,
        sum(attributed_amount) as attributed_amount,
        count(spend_amount) as spend_count
    from (
        select
            *,
            case period
                when 'day' then day_start
                when 'week'
                    then
                        date_trunc('week', day_start - week_shift * interval '1' day)
                        + week_shift * interval '1' day
                when 'month' then date_trunc('month', day_start)
            end as period_start
        from daily
    ) as in_periods
    group by grouping sets (
        (acquisition_name, period_start),
        (acquisition_name, period_start, source)
    )

),

final as (

    select
        acquisition_name,
        period,
        cast(period_start as date) as period_start_date,
        dimension,
        source,
        cast(spend_amount as decimal(38, 6)) as spend_amount,
        cast(attributed_amount as decimal(38, 9)) as attributed_amount,
        cast(spend_count as bigint) as spend_row_count
    from summed

)

select * from final
