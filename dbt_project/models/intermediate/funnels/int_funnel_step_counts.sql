{{
    config(
        materialized='incremental',
        incremental_strategy='replace_funnel_periods',
        unique_key='funnel_name'
    )
}}

-- What a run counts is known only then, so dbt is told what it is read from:
-- depends_on: {{ ref('int_funnel_attempts') }}
-- depends_on: {{ ref('int_funnel_bests') }}
-- depends_on: {{ ref('int_funnel_units') }}
-- depends_on: {{ ref('int_funnel_groups') }}
-- depends_on: {{ ref('int_event_days') }}

-- How many units reached each step, and how long they took, of cells that are not empty:
-- of the periods that hold a change, and of the whole range, which every day changes.
{% set counted_periods = funnel_periods_to_count() if is_incremental() else none %}

{{ step_counts_of(bests_of_range()) }}
{%- for period in ['hour', 'day', 'week', 'month'] %}
{{ union_all_apart() }}
{{ step_counts_of(bests_of_periods(period, counted_periods)) }}
{%- endfor %}
