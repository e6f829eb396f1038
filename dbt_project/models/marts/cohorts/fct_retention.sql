with retention as (

    select * from {{ ref('stg_catalog_retention') }}

),

cells as (

    select
        cohorts.retention_name,
        cohorts.dimension,
        cohorts.dimension_value,
        cohorts.cohort_start,
        cohorts.cohort_size,
        periods.period_number,
        periods.last_period_number,
        retention.period,
        retention.retention_type,
        retention.clock,
        retention.timezone
    from {{ ref('int_retention_cohorts') }} as cohorts
    inner join retention on cohorts.retention_name = retention.retention_name
    inner join {{ ref('stg_catalog_retention_periods') }} as periods
        on cohorts.retention_name = periods.retention_name

),

-- On the rolling clock everyone's own window has to be over, that of who came last too.
judged as (

    select
        cells.*,
        case
            when cells.clock = 'calendar' or cells.period_number = 0
                then
                    {{ utc_time_of(
                        periods_after('cells.cohort_start', '(cells.last_period_number + 1)', 'cells.period'),
                        'cells.timezone'
                    ) }}
            else
                {{ utc_time_of(
                    periods_after('cells.cohort_start', '1', 'cells.period'), 'cells.timezone'
                ) }}
                + (cells.last_period_number + 1)
                * {{ rolling_seconds('cells.period') }} * interval '1' second
        end <= watermark.watermark_at as is_mature
    from cells
    cross join {{ ref('int_watermark') }} as watermark

),

final as (

    select
        judged.retention_name,
        judged.period,
        judged.cohort_start,
        judged.dimension,
        judged.dimension_value,
        judged.period_number,
        case
            when judged.retention_type <> 'unbounded' or judged.period_number = 0
                then judged.last_period_number
        end as last_period_number,
        judged.cohort_size,
        case when judged.is_mature then coalesce(counts.person_count, 0) end
            as returned_count,
        case
            when judged.is_mature
                then coalesce(counts.person_count, 0) / nullif(judged.cohort_size, 0)
        end as retention_rate,
        judged.is_mature,
        judged.retention_type = 'unbounded' and judged.period_number > 0
            as is_provisional
    from judged
    left join {{ ref('int_retention_counts') }} as counts
        on
            judged.retention_name = counts.retention_name
            and judged.dimension = counts.dimension
            and judged.dimension_value = counts.dimension_value
            and judged.cohort_start = counts.cohort_start
            and judged.period_number = counts.period_number

)

select * from final
