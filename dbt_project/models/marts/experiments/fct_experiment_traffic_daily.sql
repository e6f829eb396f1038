-- Units come on the day of their first exposure, and go on the day they are found in
-- another variant: so a day that is over never changes, unless late events change it.
with moves as (

    select
        experiment_name,
        variant,
        slices,
        exposure_date as day_date,
        count(*) as unit_count,
        0 as several_variants_count,
        count(*) as change
    from {{ ref('int_experiment_units') }}
    where
        is_within_dates
        and (conflict_date is null or conflict_date > exposure_date)
    group by experiment_name, variant, slices, exposure_date
    union all
    select
        experiment_name,
        variant,
        slices,
        conflict_date as day_date,
        0 as unit_count,
        count(*) as several_variants_count,
        -count(case when conflict_date > exposure_date then 1 end) as change
    from {{ ref('int_experiment_units') }}
    where
        is_within_dates
        and conflict_date is not null
    group by experiment_name, variant, slices, conflict_date

),

told as (

    select
        moves.experiment_name,
        groups.dimension,
        groups.told_value as dimension_value,
        moves.variant,
        moves.day_date,
        sum(moves.unit_count) as unit_count,
        sum(moves.several_variants_count) as several_variants_count,
        sum(moves.change) as change
    from moves
    inner join ({{ dimensions_of_experiments() }}) as dimensions
        on moves.experiment_name = dimensions.experiment_name
    inner join {{ ref('int_experiment_slices') }} as groups
        on
            moves.experiment_name = groups.experiment_name
            and dimensions.dimension = groups.dimension
            and case
                when dimensions.position = 0 then 'all'
                else {{ item_of('moves.slices', 'dimensions.position') }}
            end = groups.dimension_value
    group by moves.experiment_name, groups.dimension, groups.told_value, moves.variant, moves.day_date

),

series as (

    select distinct
        groups.experiment_name,
        groups.dimension,
        groups.told_value as dimension_value,
        variants.variant
    from {{ ref('int_experiment_slices') }} as groups
    inner join {{ ref('stg_catalog_experiment_variants') }} as variants
        on groups.experiment_name = variants.experiment_name
    union
    select distinct
        experiment_name,
        dimension,
        dimension_value,
        variant
    from told

),

final as (

    select
        series.experiment_name,
        days.day_date as exposure_date,
        series.dimension,
        series.dimension_value,
        series.variant,
        variants.variant is not null as is_declared,
        variants.allocation,
        cast(coalesce(told.unit_count, 0) as bigint) as unit_count,
        cast(coalesce(told.several_variants_count, 0) as bigint) as several_variants_count,
        cast(sum(coalesce(told.change, 0)) over (
            partition by
                series.experiment_name, series.dimension, series.dimension_value, series.variant
            order by days.day_date
        ) as bigint) as cumulative_unit_count
    from series
    inner join {{ ref('int_experiment_days') }} as days
        on
            series.experiment_name = days.experiment_name
            and days.is_exposure_day
    left join {{ ref('stg_catalog_experiment_variants') }} as variants
        on
            series.experiment_name = variants.experiment_name
            and series.variant = variants.variant
    left join told
        on
            series.experiment_name = told.experiment_name
            and series.dimension = told.dimension
            and series.dimension_value = told.dimension_value
            and series.variant = told.variant
            and days.day_date = told.day_date

)

select * from final
