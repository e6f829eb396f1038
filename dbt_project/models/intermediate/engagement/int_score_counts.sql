{{
    config(
        materialized='incremental',
        incremental_strategy='replace_scores',
        unique_key=['score_name', 'score_date', 'band'],
        meta={'told': 'score_days'}
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_person_scores') }}
-- depends_on: {{ ref('int_watermark') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known_declarations = declarations_by('score_name', this) if is_incremental() else {} %}
{% set days = score_days_to_compute(known_declarations, mark) %}

-- One block of SQL per declared score and day (macros/cohorts).
select
    *,
    {{ newest_load() }} as built_through_load_id
from ({{ no_score_counts() }}) as nothing
{%- for score in declared_scores() if score.score_name in days %}
{%- for day in days[score.score_name] %}
{{ union_all_apart() }}
select
    *,
    {{ newest_load() }} as built_through_load_id
from ({{ counted_scores(score, day) }}) as counted
{%- endfor %}
{%- endfor %}
