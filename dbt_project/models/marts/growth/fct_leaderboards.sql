-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_watermark') }}
{% set challenges = declared_groups() | selectattr('kind', 'equalto', 'challenge') | list %}
with
{% for group in challenges %}
{{ group.definition_name }}__units as {{ computed_once() }} (

    {{ units_of_group(group) }}

),

{% endfor %}
points as (

    {% for group in challenges %}
    select
        '{{ group.definition_name }}' as definition_name,
        period,
        {{ start_of_group_period(group.definition_name ~ '__units') }} as period_start,
        group_value,
        unit_key,
        event_count,
        value_sum
    from {{ group.definition_name }}__units
    union all
    {% endfor %}
    select
        definition_name,
        period,
        period_start,
        group_value,
        cast(null as integer) as unit_key,
        event_count,
        value_sum
    from ({{ no_group_periods() }}) as nothing

),

final as (

    select
        points.definition_name,
        points.period,
        points.period_start,
        points.group_value as challenge,
        units.unit_id as person_id,
        cast(rank() over (
            partition by
                points.definition_name,
                points.period,
                points.period_start,
                points.group_value
            order by points.value_sum desc
        ) as integer) as leaderboard_rank,
        cast(points.value_sum as decimal(38, 6)) as points,
        cast(points.event_count as bigint) as event_count
    from points
    inner join {{ ref('int_cohort_units') }} as units on points.unit_key = units.unit_key

)

select * from final
