-- The groups of each slice, in order of appearance: those beyond the limit are told as
-- Other, and a group that has a name keeps it however others grow.
with units as (

    select * from {{ ref('int_experiment_units') }}
    where is_within_dates

),

seen as (

    select
        units.experiment_name,
        dimensions.dimension,
        {{ item_of('units.slices', 'dimensions.position') }} as dimension_value,
        min(units.exposed_at) as first_at
    from units
    inner join ({{ dimensions_of_experiments() }}) as dimensions
        on units.experiment_name = dimensions.experiment_name
    where dimensions.position > 0
    group by units.experiment_name, dimensions.dimension, dimension_value

),

final as (

    select
        seen.experiment_name,
        seen.dimension,
        seen.dimension_value,
        case
            when row_number() over (
                partition by seen.experiment_name, seen.dimension
                order by seen.first_at, seen.dimension_value
            ) <= experiments.slice_limit
                then seen.dimension_value
            else 'Other'
        end as told_value
    from seen
    inner join {{ ref('stg_catalog_experiments') }} as experiments
        on seen.experiment_name = experiments.experiment_name
    where seen.dimension_value is not null
    union all
    select
        experiment_name,
        'all' as dimension,
        'all' as dimension_value,
        'all' as told_value
    from {{ ref('stg_catalog_experiments') }}
    where status <> 'draft'

)

select * from final
