{{
    config(
        materialized='incremental',
        incremental_strategy='replace_components',
        unique_key=['component_id', 'activity_date']
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_session_days') }}
-- depends_on: {{ ref('int_person_properties') }}
-- depends_on: {{ ref('int_funnel_attempts') }}
-- depends_on: {{ ref('stg_catalog_funnels') }}

-- Events of declared names are read once for all experiments, of the days that changed.
{% set mark = high_water_mark('built_through_load_id') %}
{% set known = declarations_by('component_id', this) if is_incremental() else {} %}
{% set days = component_days(known, mark) %}
{% set scans = shared_scans(days) %}

with
{% for scan in scans %}
scan_{{ loop.index }} as (

    {{ measured_events(scan) }}

),

{% endfor %}
amounts as (

    {% for scan in scans %}
    {{ amounts_of_scan(scan, 'scan_' ~ loop.index) }}
    union all
    {% endfor %}
    {% for component in declared_components() if component.component_id in days %}
    {%- if component.component_kind == 'values' %}
    {{ values_of_component(component, days[component.component_id]) }}
    union all
    {%- elif component.base_filter_sql %}
    {{ conversions_of_component(component, days[component.component_id]) }}
    union all
    {%- elif component.component_kind == 'funnel' %}
    {{ attempts_of_component(component, days[component.component_id]) }}
    union all
    {%- endif %}
    {% endfor %}
    {{ no_amounts() }}

),

final as (

    select
        component_id,
        unit_id,
        unit_key,
        activity_date,
        occurred_at,
        since_at,
        previous_at,
        amount,
        told_apart,
        declaration,
        {{ newest_load() }} as built_through_load_id
    from amounts

)

select * from final
