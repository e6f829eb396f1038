{{
    config(
        materialized='incremental',
        incremental_strategy='replace_from_first_change',
        unique_key=[
            'retention_name', 'dimension', 'dimension_value', 'cohort_start', 'period_number'
        ],
        meta={
            'blocks': {
                'declared': 'blocks_of_retention',
                'replaced': 'is_retention_told_again'
            }
        }
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_watermark') }}
-- depends_on: {{ ref('stg_catalog_retention_periods') }}
{% set mark = high_water_mark('built_through_load_id') %}

-- One block of SQL per declared retention and breakdown (macros/cohorts).
select
    *,
    {{ block_columns() }}
from ({{ no_retention_rows('person_count', 'bigint') }}) as nothing
{%- for retention in blocks_to_compute(blocks_of_retention(), mark) %}
{{ union_all_apart() }}
select
    *,
    {{ block_columns(retention) }}
from (
    with entries as (

        {{ entries_of_cohorts(retention, retention.breakdown) }}

    )

    {{ retention_counts(retention, retention.breakdown, 'entries') }}
) as told
where {{ is_retention_told_again(retention) }}
{%- endfor %}
