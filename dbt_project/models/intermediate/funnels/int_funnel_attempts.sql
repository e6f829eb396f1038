{{
    config(
        materialized='incremental',
        incremental_strategy='replace_funnel_days',
        unique_key='attempt_id',
        meta={'replaced': {'column': 'entry_date', 'with_window': true}}
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_session_days') }}
-- depends_on: {{ ref('int_person_keys') }}
-- depends_on: {{ ref('int_person_properties') }}

-- One block of SQL per declared funnel (macros/funnels). A funnel whose declaration is
-- new or changed is computed over all history, every other one over the days of entry
-- that a changed day lies in or within a window after.
{% set mark = high_water_mark('built_through_load_id') %}
{% set known_declarations = declarations_by('funnel_name', this) if is_incremental() else {} %}
{% set days = funnel_days_to_compute(known_declarations, mark) %}

{{ no_attempts() }}
{%- for funnel in declared_funnels() if funnel.funnel_name in days %}
{{ union_all_apart() }}
select
    *,
    '{{ funnel.declaration }}' as declaration,
    cast(entered_local_at as date) as entry_date,
    {{ newest_load() }} as built_through_load_id
from ({{ attempts_of_funnel(funnel, days[funnel.funnel_name]) }}) as attempts
{%- endfor %}
