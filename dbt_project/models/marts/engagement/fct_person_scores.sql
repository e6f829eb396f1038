{{ config(materialized='view') }}

with scores as (

    select * from {{ ref('int_person_scores') }}

),

named as (

    select
        scores.*,
        units.unit_id as person_id
    from scores
    inner join {{ ref('int_cohort_units') }} as units
        on scores.unit_key = units.unit_key

),

-- The score itself, then each of its parts.
told as (

    select
        score_name,
        person_id,
        score_date,
        'all' as part,
        cast(null as double) as measured,
        score as points,
        cast(100 as double) as full_points,
        band
    from named
    {% for score in declared_scores() -%}
    {% for part in score.parts -%}
    union all
    select
        score_name,
        person_id,
        score_date,
        '{{ part.name }}' as part,
        {{ item_of('measured', loop.index) }} as measured,
        {{ item_of('points', loop.index) }} as points,
        cast({{ part.full_points }} as double) as full_points,
        cast(null as {{ dbt.type_string() }}) as band
    from named
    where score_name = '{{ score.score_name }}'
    {% endfor %}
    {%- endfor %}

),

final as (

    select
        score_name,
        person_id,
        score_date,
        part,
        measured,
        points,
        full_points,
        band
    from told

)

select * from final
