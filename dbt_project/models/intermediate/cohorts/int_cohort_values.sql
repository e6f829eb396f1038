-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}

-- One block of SQL per declared LTV and breakdown (macros/cohorts).
with {% for ltv in declared_ltv() -%}
{% for breakdown in fromjson(ltv.breakdowns) %}
{% set block = ltv.ltv_name ~ '__' ~ loop.index0 %}
{{ block }}__entries as (

    {{ entries_of_cohorts(ltv, breakdown) }}

),

{{ block }} as (

    {{ cohort_values(ltv, breakdown, block ~ '__entries') }}

),

{% endfor %}
{% endfor %}
final as (

    {% for ltv in declared_ltv() -%}
    {% for _ in fromjson(ltv.breakdowns) %}
    select * from {{ ltv.ltv_name }}__{{ loop.index0 }}
    union all
    {% endfor %}
    {% endfor %}
    {{ no_cohort_values() }}

)

select * from final
