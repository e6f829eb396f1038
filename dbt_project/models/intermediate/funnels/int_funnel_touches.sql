{{
    config(
        materialized='incremental',
        incremental_strategy='replace_funnel_days',
        unique_key='event_id',
        meta={'replaced': {'column': 'touch_date', 'with_window': false}}
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_session_days') }}
-- depends_on: {{ ref('int_person_keys') }}
-- depends_on: {{ ref('int_person_properties') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known_declarations = declarations_by('funnel_name', this) if is_incremental() else {} %}
{% set days = funnel_days_to_compute(known_declarations, mark, with_window=false) %}

{{ no_touches() }}
{%- for funnel in declared_funnels() if funnel.funnel_name in days and touch_breakdowns(funnel) %}
{{ union_all_apart() }}
select
    *,
    {{ newest_load() }} as built_through_load_id
from ({{ touches_of_funnel(funnel, days[funnel.funnel_name]) }}) as touches
{%- endfor %}
