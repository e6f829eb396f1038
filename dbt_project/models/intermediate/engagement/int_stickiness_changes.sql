{{
    config(
        materialized='incremental',
        incremental_strategy='replace_from_first_change',
        unique_key=['stickiness_name', 'changed_at', 'active_interval_count'],
        meta={
            'blocks': {
                'declared': 'blocks_of_stickiness',
                'replaced': 'is_stickiness_told_again'
            }
        }
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_event_days') }}
{% set mark = high_water_mark('built_through_load_id') %}

-- One block of SQL per declared stickiness (macros/cohorts).
select
    *,
    {{ block_columns() }}
from ({{ no_stickiness_changes() }}) as nothing
{%- for stickiness in blocks_to_compute(blocks_of_stickiness(), mark) %}
{{ union_all_apart() }}
select * from (
    with active as {{ computed_once() }} (

        {{ active_periods(
            stickiness, stickiness.interval_period, first_interval_of_changes(stickiness)
        ) }}

    ),

    {% if not stickiness.window_period -%}
    levels as (

        {{ levels_of_trailing_windows(stickiness) }}

    ),

    {% endif -%}
    changes as (

        {{ stickiness_changes(stickiness) }}
        union all
        {{ last_interval_counts(stickiness) }}

    )

    select
        '{{ stickiness.stickiness_name }}' as stickiness_name,
        changed_at,
        cast(active_interval_count as bigint) as active_interval_count,
        cast(sum(change) as bigint) as change,
        {{ block_columns(stickiness) }}
    from changes
    where {{ is_stickiness_told_again(stickiness) }}
    group by changed_at, active_interval_count
) as told
{%- endfor %}
