{{
    config(
        materialized='incremental',
        incremental_strategy='replace_definitions',
        unique_key=['declaration', 'period_key', 'dimension', 'dimension_value'],
        meta={
            'definitions': {
                'list': 'declared_performance',
                'column': 'period_key',
                'changed': 'changed_periods_of_events_since'
            }
        }
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_person_properties') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set measures = definitions_to_compute(mark) %}

-- Periods apart, because the engine holds every value of each until its percentiles are
-- known.
select
    *,
    {{ newest_load() }} as built_through_load_id
from ({{ no_performance_rows() }}) as no_rows
{%- for measure in measures %}
{%- for period, starts in periods_to_measure(measure, mark).items() %}
{{ union_all_apart() }}
select
    *,
    {{ newest_load() }} as built_through_load_id
from ({{ figures_of_period(measure, period, starts) }}) as figures
{%- endfor %}
{%- endfor %}
