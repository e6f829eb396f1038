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

-- Read only where there is something to build on, and where metrics have caps:
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_experiment_caps') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known = declarations_by('experiment_name', this) if is_incremental() else {} %}
{% set starts = experiments_to_compute(known, mark) %}
{% set continues = is_incremental() and some_go_on(starts) %}
{% set first_day = first_computed_day(starts) %}
{% set cell = 'experiment_name, metric_name, variant, slices, exposure_date, day_date, maturity_date' %}
{% set sums = asked_for(sum_names() + day_sum_names()) %}

with computed as (

    {{ computed_from(starts) }}

),

metrics as (

    select
        metrics.*,
        computed.experiment_key
    from ({{ metrics_of_experiments() }}) as metrics
    inner join computed
        on metrics.experiment_name = computed.experiment_name

),

units as {{ inline_cte() }} (

    select
        units.*,
        computed.experiment_key,
        computed.from_date
    from {{ ref('int_experiment_units') }} as units
    inner join computed
        on units.experiment_name = computed.experiment_name
    where units.takes_part

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
    inner join metrics
        on units.experiment_key = metrics.experiment_key
    where
        units.exposure_date >= units.from_date
        and units.exposure_date >= {{ first_day }}
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
    inner join metrics
        on units.experiment_key = metrics.experiment_key
    where
        units.conflict_date >= units.from_date
        and units.conflict_date >= {{ first_day }}
    group by all

),

-- A night reads those units alone that have rows.
rows_of_days as (

    {{ rows_with_units('day_date', first_day, continues) }}

),

-- All rows of a unit that leaves, on the day it does.
rows_of_leavers as (

    {{ rows_with_units('conflict_date', first_day) }}

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
    {% if some_metrics_have_caps() -%}
    union all
    select
        {{ cell }},
        true as is_capped,
        0 as unit_count,
        {{ sums_of_rows(sign) }}
    from ({{ rows_within_caps(relation) }}) as capped
    group by {{ cell }}
    {%- endif %}
    {% endfor %}

),

by_dimension as (

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
        dimensions.declaration
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

),

final as (

    select
        experiment_name,
        metric_name,
        is_capped,
        dimension,
        dimension_value,
        variant,
        exposure_date,
        day_date,
        maturity_date,
        unit_count,
        {{ all_sums(sum_names() + day_sum_names()) }},
        declaration,
        {{ newest_load() }} as built_through_load_id
    from by_dimension

)

select * from final
