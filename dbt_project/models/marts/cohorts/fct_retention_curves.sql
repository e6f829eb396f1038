-- Cohorts of all ages together: sums of returned over sums of sizes, mature cells only.
with cells as (

    select * from {{ ref('fct_retention') }}

),

final as (

    select
        retention_name,
        dimension,
        dimension_value,
        period_number,
        last_period_number,
        count(case when is_mature and cohort_size > 0 then 1 end) as cohort_count,
        cast(coalesce(sum(case when is_mature then cohort_size end), 0) as bigint)
            as person_count,
        cast(sum(returned_count) as bigint) as returned_count,
        sum(returned_count)
        / nullif(sum(case when is_mature then cohort_size end), 0) as retention_rate,
        is_provisional
    from cells
    group by
        retention_name,
        dimension,
        dimension_value,
        period_number,
        last_period_number,
        is_provisional

)

select * from final
