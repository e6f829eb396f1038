-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_watermark') }}
with peer_values as (

    {% for group in declared_groups() if group.kind == 'peer_benchmark' %}
    {{ peer_values(group) }}
    union all
    {% endfor %}
    {{ no_peer_values() }}

),

-- Among equals a person stands in the middle.
compared as (

    select
        *,
        count(*) over in_group as peer_count,
        rank() over (
            partition by definition_name, peer_group order by peer_value
        ) - 1 as lower_count,
        count(*) over (
            partition by definition_name, peer_group, peer_value
        ) as equal_count,
        median(cast(peer_value as double)) over in_group as peer_median
    from peer_values
    where peer_group <> '(none)'
    window in_group as (partition by definition_name, peer_group)

),

final as (

    select
        compared.definition_name,
        units.unit_id as person_id,
        compared.peer_group,
        cast(compared.peer_value as decimal(38, 6)) as person_value,
        compared.peer_count,
        case
            when compared.peer_count >= compared.min_peers
                then (compared.lower_count + 0.5 * compared.equal_count)
                / cast(compared.peer_count as double)
        end as peer_percentile,
        case when compared.peer_count >= compared.min_peers then compared.peer_median end
            as peer_median
    from compared
    inner join {{ ref('int_cohort_units') }} as units on compared.unit_key = units.unit_key

)

select * from final
