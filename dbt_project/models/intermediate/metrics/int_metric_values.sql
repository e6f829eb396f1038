{{
    config(
        materialized='incremental',
        incremental_strategy='replace_metric_periods',
        unique_key=['metric_name', 'period', 'period_start']
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_calendar_days') }}
-- depends_on: {{ ref('int_person_properties') }}

-- One block of SQL per declared metric, by its type (macros/metrics). A metric whose
-- declaration is new or changed is computed over all history, every other one over the
-- periods that changed days reach.
{% set mark = high_water_mark('built_through_load_id') %}
{% set known_declarations = declarations_by('metric_name', this) if is_incremental() else {} %}
{% set metrics = metrics_to_compute(known_declarations, mark) %}

with changed_local_days as (

    {{ changed_calendar_days_since(mark) }}

),

{% for metric in metrics %}
{% set declaration = declaration_of_metric(metric) %}
{% set is_new = known_declarations.get(metric.metric_name) != declaration %}
{% set days = days_to_read(metric, is_new, mark) %}
{{ metric.metric_name }}__periods as (

    {{ periods_to_compute(metric, is_new) }}

),

{% if trailing_days_of(metric) %}
{{ metric.metric_name }}__spans as (

    {{ trailing_spans(metric, days) }}

),

{% endif %}
{{ metric.metric_name }}__values as {{ inline_cte() if not adds_up_over_days(metric) }} (

    {{ rows_of_metric(metric, days) }}

),

{% if adds_up_over_days(metric) %}
{{ metric.metric_name }}__known_days as (

    {{ known_days(metric, declaration) }}

),

{% endif %}
{{ metric.metric_name }} as (

    {{ in_computed_periods(metric, declaration) }}

),

{% endfor %}
all_metrics as (

    {% for metric in metrics %}
    select * from {{ metric.metric_name }}
    union all
    {% endfor %}
    {{ no_metric_rows() }}

),

final as (

    select
        metric_name,
        period,
        period_start,
        dimension,
        dimension_value,
        numerator,
        denominator,
        value,
        declaration,
        {{ newest_load() }} as built_through_load_id
    from all_metrics

)

select * from final
