with ltv as (

    select * from {{ ref('stg_catalog_cohort_ltv') }}

),

amounts as (

    select * from {{ ref('int_cohort_values') }}

),

cohorts as (

    select
        amounts.ltv_name,
        amounts.dimension,
        amounts.dimension_value,
        amounts.cohort_start,
        amounts.person_count,
        ltv.period,
        ltv.last_period_number,
        {{ local_time_of('watermark.watermark_at', 'ltv.timezone') }} as watermark_local_at
    from amounts
    inner join ltv on amounts.ltv_name = ltv.ltv_name
    cross join {{ ref('int_watermark') }} as watermark
    where
        amounts.period_number = 0
        and amounts.cohort_start
        < {{ local_time_of('watermark.watermark_at', 'ltv.timezone') }}

),

cells as (

    select
        cohorts.*,
        numbers.period_number,
        {{ periods_after('cohorts.cohort_start', '(numbers.period_number + 1)', 'cohorts.period') }}
        <= cohorts.watermark_local_at as is_mature
    from cohorts
    inner join {{ numbers_between(0, 400) }} as numbers (period_number)
        on cohorts.last_period_number >= numbers.period_number

),

added_up as (

    select
        cells.*,
        coalesce(amounts.amount, 0) as amount,
        sum(coalesce(amounts.amount, 0)) over so_far as cumulative_amount,
        sum(coalesce(amounts.payer_count, 0)) over so_far as payer_count
    from cells
    left join amounts
        on
            cells.ltv_name = amounts.ltv_name
            and cells.dimension = amounts.dimension
            and cells.dimension_value = amounts.dimension_value
            and cells.cohort_start = amounts.cohort_start
            and cells.period_number = amounts.period_number
    window so_far as (
        partition by
            cells.ltv_name,
            cells.dimension,
            cells.dimension_value,
            cells.cohort_start
        order by cells.period_number
    )

),

final as (

    select
        ltv_name,
        period,
        cohort_start,
        dimension,
        dimension_value,
        cast(period_number as integer) as period_number,
        person_count as cohort_size,
        cast(case when is_mature then amount end as decimal(38, 6)) as revenue,
        cast(case when is_mature then cumulative_amount end as decimal(38, 6))
            as cumulative_revenue,
        case
            when is_mature then cast(cumulative_amount as double) / person_count
        end as lifetime_value,
        cast(case when is_mature then payer_count end as bigint) as payer_count,
        case when is_mature then cast(payer_count as double) / person_count end
            as payer_rate,
        is_mature
    from added_up

)

select * from final
