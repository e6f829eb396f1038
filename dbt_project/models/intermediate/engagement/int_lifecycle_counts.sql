-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}

-- One block of SQL per declared lifecycle and period (macros/cohorts).
with {% for lifecycle in declared_lifecycles() -%}
{% for period in fromjson(lifecycle.periods) %}
{{ lifecycle.lifecycle_name }}__{{ period }}__placed as (

    {{ placed_periods(lifecycle, period) }}

),

{{ lifecycle.lifecycle_name }}__{{ period }} as (

    {{ lifecycle_counts(lifecycle, period) }}

),

{% endfor %}
{% endfor %}
final as (

    {% for lifecycle in declared_lifecycles() -%}
    {% for period in fromjson(lifecycle.periods) %}
    select * from {{ lifecycle.lifecycle_name }}__{{ period }}
    union all
    {% endfor %}
    {% endfor %}
    {{ no_lifecycle_counts() }}

)

select * from final
