{{
    config(
        materialized='incremental',
        incremental_strategy='replace_experiments',
        unique_key=['experiment_name', 'unit_id', 'variant', 'sighting_date'],
        meta={'day_column': 'sighting_date'}
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_session_days') }}
-- depends_on: {{ ref('int_person_properties') }}

{% set mark = high_water_mark('built_through_load_id') %}
{% set known = declarations_by('experiment_name', this) if is_incremental() else {} %}
{% set starts = experiments_to_compute(known, mark) %}

with sightings as (

    {% for experiment in declared_experiments() if experiment.experiment_name in starts %}
    {{ sightings_of_experiment(experiment, starts[experiment.experiment_name]) }}
    union all
    {% endfor %}
    {{ no_sightings() }}

),

final as (

    select
        experiment_name,
        unit_id,
        variant,
        sighting_date,
        first_at,
        person_id,
        slices,
        declaration,
        {{ newest_load() }} as built_through_load_id
    from sightings

)

select * from final
