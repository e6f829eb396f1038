{{ config(materialized='view') }}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}

-- One block of SQL per declared lifecycle and period (macros/cohorts).
with {% for lifecycle in blocks_of_lifecycles() -%}
{% set block = lifecycle.lifecycle_name ~ '__' ~ lifecycle.lifecycle_period %}
{{ block }}__active as (

    {{ active_periods(lifecycle, lifecycle.lifecycle_period) }}

),

{{ block }} as (

    {{ lifecycle_members(lifecycle, lifecycle.lifecycle_period, block) }}

),

{% endfor %}
final as (

    {% for lifecycle in blocks_of_lifecycles() -%}
    select * from {{ lifecycle.lifecycle_name }}__{{ lifecycle.lifecycle_period }}
    union all
    {% endfor %}
    {{ no_lifecycle_rows('unit_key', 'integer') }}

)

select * from final
