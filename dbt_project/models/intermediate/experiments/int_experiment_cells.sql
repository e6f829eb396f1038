{{
    config(
        materialized='incremental',
        incremental_strategy='replace_experiments',
        unique_key=[
            'experiment_name', 'metric_name', 'is_capped', 'dimension', 'dimension_value',
            'variant', 'exposure_date', 'day_date', 'maturity_date'
        ],
        meta={'day_column': 'day_date'}
    )
}}

-- Read only where there is something to build on: depends_on: {{ ref('int_event_days') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known = declarations_by('experiment_name', this) if is_incremental() else {} %}
{% set starts = experiments_to_compute(known, mark) %}
{% set cell = 'experiment_name, metric_name, variant, slices, exposure_date, day_date, maturity_date' %}
{% set sums = sum_names() + day_sum_names() %}

with computed as (

    {{ computed_from(starts) }}

),

units as (

    select
        units.*,
        computed.from_date
    from {{ ref('int_experiment_units') }} as units
    inner join computed
        on units.experiment_name = computed.experiment_name
    where
        units.takes_part
        and (
            units.exposure_date >= computed.from_date
            or units.conflict_date >= computed.from_date
        )

),

-- A unit comes on the day of its exposure, and leaves on that of another variant.
unit_counts as (

    select
        units.experiment_name,
        metrics.metric_name,
        metrics.has_caps,
        units.variant,
        units.slices,
        units.exposure_date,
        units.exposure_date as day_date,
        {{ maturity_date('units', 'metrics') }} as maturity_date,
        count(*) as unit_count
    from units
    inner join {{ ref('stg_catalog_experiment_metrics') }} as metrics
        on units.experiment_name = metrics.experiment_name
    where units.exposure_date >= units.from_date
    group by all
    union all
    select
        units.experiment_name,
        metrics.metric_name,
        metrics.has_caps,
        units.variant,
        units.slices,
        units.exposure_date,
        units.conflict_date as day_date,
        {{ maturity_date('units', 'metrics') }} as maturity_date,
        -count(*) as unit_count
    from units
    inner join {{ ref('stg_catalog_experiment_metrics') }} as metrics
        on units.experiment_name = metrics.experiment_name
    where units.conflict_date >= units.from_date
    group by all

),

rows_of_days as (

    select unit_days.*
    from {{ ref('int_experiment_unit_days') }} as unit_days
    inner join computed
        on
            unit_days.experiment_name = computed.experiment_name
            and unit_days.day_date >= computed.from_date
    where unit_days.day_date >= {{ first_computed_day(starts) }}

),

-- All rows of a unit that leaves, on the day it does.
rows_of_leavers as (

    select
        unit_days.experiment_name,
        unit_days.metric_name,
        unit_days.is_entry,
        unit_days.variant,
        unit_days.exposure_date,
        units.conflict_date as day_date,
        unit_days.maturity_date,
        unit_days.y,
        unit_days.y_before,
        unit_days.d,
        unit_days.d_before,
        unit_days.x,
        unit_days.w,
        unit_days.slices
    from {{ ref('int_experiment_unit_days') }} as unit_days
    inner join units
        on
            unit_days.experiment_name = units.experiment_name
            and unit_days.unit_id = units.unit_id
            and units.conflict_date >= units.from_date

),

finest as (

    select
        {{ cell }},
        is_capped,
        unit_count,
        {{ no_sums(sums) }}
    from unit_counts
    inner join (values (false), (true)) as versions (is_capped)
        on unit_counts.has_caps or not versions.is_capped
    {% for relation, sign in [('rows_of_days', ''), ('rows_of_leavers', '-')] %}
    union all
    select
        {{ cell }},
        false as is_capped,
        0 as unit_count,
        {{ sums_of_rows(sign) }}
    from {{ relation }}
    group by {{ cell }}
    union all
    select
        {{ cell }},
        true as is_capped,
        0 as unit_count,
        {{ sums_of_rows(sign) }}
    from ({{ rows_within_caps(relation) }}) as capped
    group by {{ cell }}
    {% endfor %}

),

final as (

    select
        finest.experiment_name,
        finest.metric_name,
        finest.is_capped,
        dimensions.dimension,
        case
            when dimensions.position = 0 then 'all'
            else {{ item_of('finest.slices', 'dimensions.position') }}
        end as dimension_value,
        finest.variant,
        finest.exposure_date,
        finest.day_date,
        finest.maturity_date,
        cast(sum(finest.unit_count) as bigint) as unit_count,
        {{ added_up(sums, 'finest') }},
        dimensions.declaration,
        {{ newest_load() }} as built_through_load_id
    from finest
    inner join ({{ dimensions_of_experiments() }}) as dimensions
        on finest.experiment_name = dimensions.experiment_name
    group by
        finest.experiment_name,
        finest.metric_name,
        finest.is_capped,
        dimensions.dimension,
        dimension_value,
        finest.variant,
        finest.exposure_date,
        finest.day_date,
        finest.maturity_date,
        dimensions.declaration

)

select * from final
