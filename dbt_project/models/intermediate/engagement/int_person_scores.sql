-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_watermark') }}

-- One block of SQL per declared score (macros/cohorts).
with {% for score in declared_scores() -%}
{% set name = score.score_name %}
{{ name }}__days as (

    {{ score_days(score) }}

),

{{ name }}__persons as (

    select distinct
        days.score_date,
        days.newest_date,
        rows_of_days.unit_key
    from {{ rows_before_score_days(score.seen_series_key, name ~ '__days', score.listed_days) }}

),

{{ name }} as (

    {{ person_scores(score, name ~ '__days', name ~ '__persons') }}

),

{% endfor %}
final as (

    {% for score in declared_scores() -%}
    select * from {{ score.score_name }}
    union all
    {% endfor %}
    {{ no_person_scores() }}

)

select * from final
