-- Who came is counted by the cohorts of an LTV, what they brought by its cells.
with definitions as (

    select
        acquisition.*,
        ltv.period,
        {{ local_time_of('watermark.watermark_at', 'ltv.timezone') }} as watermark_local_at
    from {{ ref('stg_catalog_acquisition') }} as acquisition
    inner join {{ ref('stg_catalog_cohort_ltv') }} as ltv
        on acquisition.ltv_name = ltv.ltv_name
    cross join {{ ref('int_watermark') }} as watermark

),

money as (

    select
        acquisition_name,
        cast(period_start_date as timestamp) as period_start,
        dimension,
        source,
        spend_amount,
        attributed_amount,
        spend_row_count as spend_count
    from {{ ref('fct_acquisition_spend') }}

),

cells as (

    select
        definitions.acquisition_name,
        ltv.cohort_start as period_start,
        ltv.dimension,
        ltv.dimension_value as source,
        ltv.cohort_size,
        ltv.period_number,
        ltv.cumulative_revenue,
        ltv.is_mature and ltv.period_number = definitions.horizon_period_number
            as is_horizon,
        money.spend_amount
    from {{ ref('fct_cohort_ltv') }} as ltv
    inner join definitions
        on
            ltv.ltv_name = definitions.ltv_name
            and ltv.dimension in (definitions.dimension, 'all')
    left join money
        on
            definitions.acquisition_name = money.acquisition_name
            and ltv.cohort_start = money.period_start
            and ltv.dimension = money.dimension
            and ltv.dimension_value = money.source

),

joined as (

    select
        acquisition_name,
        period_start,
        dimension,
        source,
        sum(acquired_count) as acquired_count,
        max(horizon_revenue) as horizon_revenue,
        max(payback_period_number) as payback_period_number,
        sum(spend_amount) as spend_amount,
        sum(attributed_amount) as attributed_amount,
        max(max(spend_count)) over (partition by acquisition_name, period_start) > 0
            as is_spend_known
    from (
        select
            acquisition_name,
            period_start,
            dimension,
            source,
            max(cohort_size) as acquired_count,
            max(case when is_horizon then cumulative_revenue end) as horizon_revenue,
            min(
                case
                    when spend_amount > 0 and cumulative_revenue >= spend_amount
                        then period_number
                end
            ) as payback_period_number,
            null as spend_amount,
            null as attributed_amount,
            0 as spend_count
        from cells
        group by acquisition_name, period_start, dimension, source
        union all
        select
            acquisition_name,
            period_start,
            dimension,
            source,
            0 as acquired_count,
            null as horizon_revenue,
            null as payback_period_number,
            spend_amount,
            attributed_amount,
            spend_count
        from money
    ) as both_sides
    group by acquisition_name, period_start, dimension, source

),

-- Where anything was spent in a period, a source without a row cost nothing; a period
-- without any is not known.
known as (

    select
        joined.*,
        definitions.period,
        case when joined.is_spend_known then coalesce(joined.spend_amount, 0) end
            as known_spend,
        case
            when definitions.attribution_name is not null
                then coalesce(joined.attributed_amount, 0)
        end as known_return,
        {{ periods_after('joined.period_start', '1', 'definitions.period') }}
        <= definitions.watermark_local_at as is_complete
    from joined
    inner join definitions on joined.acquisition_name = definitions.acquisition_name

),

final as (

    select
        acquisition_name,
        period,
        cast(period_start as date) as period_start_date,
        dimension,
        source,
        is_complete,
        horizon_revenue is not null as is_mature,
        cast(acquired_count as bigint) as acquired_count,
        cast(known_spend as decimal(38, 6)) as spend_amount,
        cast(known_return as decimal(38, 9)) as attributed_amount,
        cast(horizon_revenue as decimal(38, 6)) as horizon_revenue,
        case when is_complete then
            cast(known_spend as double) / nullif(acquired_count, 0)
        end as cost_per_acquired,
        case when is_complete then
            cast(known_return as double) / nullif(cast(known_spend as double), 0)
        end as return_on_spend,
        cast(horizon_revenue as double) / nullif(acquired_count, 0) as lifetime_value,
        cast(horizon_revenue as double) / nullif(cast(known_spend as double), 0)
            as lifetime_value_to_cost,
        cast(payback_period_number as integer) as payback_period_number
    from known

)

select * from final
