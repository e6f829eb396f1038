-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}

-- One block of SQL per declared stickiness (macros/cohorts).
with {% for stickiness in declared_stickiness() -%}
{% set name = stickiness.stickiness_name %}
{{ name }}__active as (

    {{ active_periods(stickiness, stickiness.interval_period) }}

),

{% if not stickiness.window_period %}
{{ name }}__levels as (

    {{ levels_of_trailing_windows(stickiness) }}

),

{% endif %}
{{ name }} as (

    select
        '{{ name }}' as stickiness_name,
        changed_at,
        cast(active_interval_count as bigint) as active_interval_count,
        cast(sum(change) as bigint) as change
    from (
        {{ stickiness_changes(stickiness) }}
        union all
        {{ last_interval_counts(stickiness) }}
    ) as changes
    group by changed_at, active_interval_count

),

{% endfor %}
final as (

    {% for stickiness in declared_stickiness() -%}
    select * from {{ stickiness.stickiness_name }}
    union all
    {% endfor %}
    {{ no_stickiness_changes() }}

)

select * from final
