{{
    config(
        materialized='incremental',
        incremental_strategy='replace_active_units',
        unique_key=['segmentation_name', 'unit_key', 'started_on']
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_watermark') }}
{% set mark = high_water_mark('built_through_load_id') %}

-- One block of SQL per declared segmentation and part of its units (macros/cohorts).
select
    *,
    cast(null as bigint) as day_count,
    cast(null as date) as last_event_date,
    {{ newest_load() }} as built_through_load_id
from ({{ no_segment_spans() }}) as nothing
{%- for whole in segmentations_to_compute() %}
{%- for segmentation in parts_of_units(whole) %}
{{ union_all_apart() }}
select * from (
    with {{ active_units(segmentation, mark) }},

    seen as {{ computed_once() }} (

        {{ active_days(segmentation, segmentation.seen_series_key) }}

    ),

    steps as (

        {{ steps_of_segments(segmentation, 'active', 'seen') }}

    ),

    levels as (

        {{ levels_of_segments('steps') }}

    ),

    spans as (

        {{ segment_spans(segmentation, 'levels') }}

    )

    {{ with_day_counts(segmentation, 'spans') }}
) as spans
{%- endfor %}
{%- endfor %}
