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

{{ name }} as (

    {{ usage_spells(segmentation, name ~ '__active') }}

),

{% endfor %}
spells as (

    {% for segmentation in declared_segmentations() -%}
    select * from {{ segmentation.segmentation_name }}
    union all
    {% endfor %}
    {{ no_usage_spells() }}

),

final as (

    select
        spells.segmentation_name,
        units.unit_id as person_id,
        spells.started_on,
        spells.last_active_on,
        spells.churned_on
    from spells
    inner join {{ ref('int_cohort_units') }} as units
        on spells.unit_key = units.unit_key

)

select * from final
