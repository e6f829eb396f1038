{{
    config(
        materialized='incremental',
        incremental_strategy='replace_definitions',
        unique_key=['declaration', 'unit_date', 'path_date', 'dimension_value', 'nodes'],
        meta={
            'definitions': {
                'list': 'declared_paths',
                'column': 'unit_date',
                'changed': 'changed_session_days_since',
                'persons': 'session_days_of_changed_persons_since'
            }
        }
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_session_days') }}
-- depends_on: {{ ref('int_person_properties') }}
{% set mark = high_water_mark('built_through_load_id') %}

with counts as (

    {% for path in definitions_to_compute(mark) %}
    {{ counts_of_path(path, mark) }}
    union all
    {% endfor %}
    {{ no_path_counts() }}

),

final as (

    select
        path_name,
        declaration,
        unit_date,
        path_date,
        dimension_value,
        nodes,
        path_count,
        {{ newest_load() }} as built_through_load_id
    from counts

)

select * from final
