-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_watermark') }}
-- depends_on: {{ ref('int_cohort_units') }}

-- One block of SQL per declared segmentation (macros/cohorts).
with {% for segmentation in declared_segmentations() -%}
{% set name = segmentation.segmentation_name %}
{{ name }}__active as (

    {{ active_days(segmentation, segmentation.series_key) }}

),

{{ name }}__seen as (

    {{ active_days(segmentation, segmentation.seen_series_key) }}

),

{{ name }}__steps as (

    {{ steps_of_segments(segmentation, name ~ '__active', name ~ '__seen') }}

),

{{ name }}__levels as (

    {{ levels_of_segments(name ~ '__steps') }}

),

{{ name }} as (

    {{ segment_spans(segmentation, name ~ '__levels') }}

),

{% endfor %}
spans as (

    {% for segmentation in declared_segmentations() -%}
    select * from {{ segmentation.segmentation_name }}
    union all
    {% endfor %}
    {{ no_segment_spans() }}

),

final as (

    select
        spans.segmentation_name,
        units.unit_id as person_id,
        spans.segment,
        spans.previous_segment,
        spans.started_on,
        spans.ended_on
    from spans
    inner join {{ ref('int_cohort_units') }} as units
        on spans.unit_key = units.unit_key

)

select * from final
