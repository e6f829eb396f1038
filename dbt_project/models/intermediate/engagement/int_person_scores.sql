{{
    config(
        materialized='incremental',
        incremental_strategy='replace_scores',
        unique_key=['score_name', 'score_date', 'unit_key']
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_watermark') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known_declarations = declarations_by('score_name', this) if is_incremental() else {} %}
{% set days = score_days_to_compute(known_declarations, mark) %}
{% set computed = [] %}

-- One block of SQL per declared score (macros/cohorts).
with {% for score in declared_scores() if score.score_name in days -%}
{% do computed.append(score) -%}
{% set name = score.score_name %}
{{ name }}__days as (

    {{ computed_score_days(score, days[name]) }}

),

{{ name }}__persons as (

    select distinct
        days.score_date,
        rows_of_days.unit_key
    from {{ rows_before_score_days(score.seen_series_key, name ~ '__days', score.listed_days) }}

),

{{ name }} as (

    {{ person_scores(score, name ~ '__days', name ~ '__persons') }}

),

{% endfor %}
all_scores as (

    {% for score in computed -%}
    select * from {{ score.score_name }}
    union all
    {% endfor %}
    {{ no_person_scores() }}

),

final as (

    select
        *,
        {{ newest_load() }} as built_through_load_id
    from all_scores
    -- Days that make way lie together, so that few blocks are written anew.
    order by score_name, score_date

)

select * from final
