{{
    config(
        materialized='incremental',
        incremental_strategy='replace_from_first_change',
        unique_key=['lifecycle_name', 'period', 'period_start', 'status'],
        meta={
            'blocks': {
                'declared': 'blocks_of_lifecycles',
                'replaced': 'is_lifecycle_told_again'
            }
        }
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_event_days') }}
{% set mark = high_water_mark('built_through_load_id') %}

-- One block of SQL per declared lifecycle and period (macros/cohorts).
select
    *,
    {{ block_columns() }}
from ({{ no_lifecycle_rows('person_count', 'bigint') }}) as nothing
{%- for lifecycle in blocks_to_compute(blocks_of_lifecycles(), mark) %}
{{ union_all_apart() }}
select * from (
    with active as {{ computed_once() }} (

        {{ periods_to_judge(lifecycle) }}

    ),

    placed as {{ computed_once() }} (

        {{ placed_periods('active') }}

    )

    select
        '{{ lifecycle.lifecycle_name }}' as lifecycle_name,
        '{{ lifecycle.lifecycle_period }}' as period,
        period_start,
        status,
        count(*) as person_count,
        {{ block_columns(lifecycle) }}
    from ({{ lifecycle_statuses(lifecycle.lifecycle_period, 'active', 'placed') }}) as judged
    where {{ is_lifecycle_told_again(lifecycle) }}
    group by period_start, status
) as told
{%- endfor %}
