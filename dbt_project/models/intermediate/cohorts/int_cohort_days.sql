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

select
    *,
    {{ newest_load() }} as built_through_load_id
from ({{ no_series_rows() }}) as no_rows
{%- for series in series_to_compute(mark) %}
{{ union_all_apart() }}
select
    *,
    {{ newest_load() }} as built_through_load_id
from (
    {{ rows_of_series(series, mark) }}
    -- Rows of one unit that lie together are counted at two thirds of the cost.
    order by units.unit_key
) as series_rows
{%- endfor %}
