-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_watermark') }}
-- depends_on: {{ ref('stg_catalog_retention_periods') }}

-- One block of SQL per declared definition and breakdown (macros/cohorts), all of them
-- from rows of one person and day.
with {% for retention in declared_retention() -%}
{% for breakdown in fromjson(retention.breakdowns) %}
{% set block = retention.retention_name ~ '__' ~ loop.index0 %}
{{ block }}__entries as (

    {{ entries_of_cohorts(retention, breakdown) }}

),

{{ block }} as (

    {{ retention_counts(retention, breakdown, block ~ '__entries') }}

),

{% endfor %}
{% endfor %}
final as (

    {% for retention in declared_retention() -%}
    {% for _ in fromjson(retention.breakdowns) %}
    select * from {{ retention.retention_name }}__{{ loop.index0 }}
    union all
    {% endfor %}
    {% endfor %}
    {{ no_retention_counts() }}

)

select * from final
