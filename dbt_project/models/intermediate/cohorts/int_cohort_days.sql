{{
    config(
        materialized='incremental',
        incremental_strategy='replace_series',
        unique_key=['series_id', 'event_date', 'unit_key', 'bucket_at', 'group_value']
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_cohort_units') }}
-- depends_on: {{ ref('int_person_properties') }}

-- One block of SQL per series of the compiled catalog. Rows are cut by the UTC day of
-- their events whatever the zone of the series, so a day that changed replaces its own
-- rows and no other.
{% set mark = high_water_mark('built_through_load_id') %}

with all_series as (

    {% for series in series_to_compute(mark) %}
    {{ rows_of_series(series, mark) }}
    union all
    {% endfor %}
    {{ no_series_rows() }}

),

final as (

    select
        series_id,
        event_date,
        unit_key,
        bucket_at,
        event_count,
        first_at,
        first_is_match,
        group_value,
        value_sum,
        {{ newest_load() }} as built_through_load_id
    from all_series
    -- Rows of one unit that lie together are counted at two thirds of the cost.
    order by series_id, unit_key

)

select * from final
