{{
    config(
        materialized='incremental',
        incremental_strategy='replace_from_first_change',
        unique_key=['kind', 'definition_name', 'role', 'day_start', 'group_value'],
        meta={
            'blocks': {
                'declared': 'blocks_of_groups',
                'replaced': 'is_group_day_told_again'
            }
        }
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_watermark') }}
{% set mark = high_water_mark('built_through_load_id') %}

-- One block of SQL per definition and role (macros/groups).
select
    *,
    {{ block_columns() }}
from ({{ no_group_days() }}) as nothing
{%- for group in blocks_to_compute(blocks_of_groups(), mark) %}
{{ union_all_apart() }}
select * from (
    {{ group_days(group) }}
) as told
{%- endfor %}
