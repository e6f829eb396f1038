-- The cohorts of each definition and how many are in them. Totals have a row for every
-- period from the first cohort to the watermark, quiet ones too; a group has rows for
-- the cohorts it has members in.
with retention as (

    select * from {{ ref('stg_catalog_retention') }}

),

members as (

    select * from {{ ref('int_retention_counts') }}
    where period_number = 0

),

bounds as (

    select
        retention.retention_name,
        retention.period,
        min(members.cohort_start) as first_start,
        min({{ local_time_of('watermark.watermark_at', 'retention.timezone') }})
            as watermark_local_at
    from members
    inner join retention on members.retention_name = retention.retention_name
    cross join {{ ref('int_watermark') }} as watermark
    group by retention.retention_name, retention.period

),

spine as (

    {{ period_spine('bounds', 'retention_name') }}

),

final as (

    select
        spine.retention_name,
        'all' as dimension,
        'all' as dimension_value,
        spine.period_start as cohort_start,
        coalesce(members.person_count, 0) as cohort_size
    from spine
    left join members
        on
            spine.retention_name = members.retention_name
            and spine.period_start = members.cohort_start
            and members.dimension = 'all'
    union all
    select
        members.retention_name,
        members.dimension,
        members.dimension_value,
        members.cohort_start,
        members.person_count as cohort_size
    from members
    inner join bounds
        on
            members.retention_name = bounds.retention_name
            and members.cohort_start < bounds.watermark_local_at
    where members.dimension <> 'all'

)

select * from final
