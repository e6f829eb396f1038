{% set declared = declared_paths() %}
{% set steps = most_path_steps(declared) | int %}

with counts as (

    select counts.*
    from {{ ref('int_path_counts') }} as counts
    cross join {{ ref('int_watermark') }} as watermark
    where cast(counts.path_date as timestamp) < watermark.watermark_local_at

),

paths as (

    select * from {{ ref('stg_catalog_paths') }}

),

-- Over all history, so that the same nodes stand by themselves in every period.
kept_nodes as (

    select
        ranked.path_name,
        ranked.step,
        ranked.node
    from (
        select
            counts.path_name,
            steps.step,
            {{ item_of('counts.nodes', 'steps.step + 1') }} as node,
            row_number() over (
                partition by counts.path_name, steps.step
                order by
                    sum(counts.path_count) desc,
                    {{ item_of('counts.nodes', 'steps.step + 1') }}
            ) as node_rank
        from counts
        cross join {{ numbers_between(0, steps) }} as steps (step)
        where {{ item_of('counts.nodes', 'steps.step + 1') }} is not null
        group by
            counts.path_name,
            steps.step,
            {{ item_of('counts.nodes', 'steps.step + 1') }}
    ) as ranked
    inner join paths on ranked.path_name = paths.path_name
    where ranked.node_rank <= paths.top_nodes

),

folded as (

    select
        counts.path_name,
        cast(counts.path_date as timestamp) as path_day,
        counts.dimension_value,
        {{ folded_nodes(declared) }} as nodes,
        counts.path_count,
        min(cast(counts.path_date as timestamp)) over (partition by counts.path_name)
            as first_day
    from counts
    {% for step in range(steps + 1) %}
    left join kept_nodes as kept_{{ step }}
        on
            counts.path_name = kept_{{ step }}.path_name
            and kept_{{ step }}.step = {{ step }}
            and {{ item_of('counts.nodes', step + 1) }} = kept_{{ step }}.node
    {% endfor %}

),

by_period as (

    {% for dimension in ['all', 'own'] %}
    {% set is_last = loop.last %}
    {% for period in ['all', 'day', 'week', 'month'] %}
    {% set starts = {
        'all': 'folded.first_day', 'day': 'folded.path_day',
        'week': week_start_of('folded.path_day'),
        'month': "date_trunc('month', folded.path_day)"
    } %}
    select
        folded.path_name,
        '{{ period }}' as period,
        {{ starts[period] }} as period_start,
        {{ "paths.breakdown_name" if dimension == 'own' else "'all'" }} as dimension,
        {{ "folded.dimension_value" if dimension == 'own' else "'all'" }}
            as dimension_value,
        folded.nodes,
        folded.path_count
    from folded
    inner join paths
        on
            folded.path_name = paths.path_name
            and ('{{ period }}' = 'all' or paths.periods like '%"{{ period }}"%')
            {%- if dimension == 'own' %}
            and paths.breakdown_name is not null
            {%- endif %}
    {{ 'union all' if not (loop.last and is_last) }}
    {% endfor %}
    {% endfor %}

),

final as (

    select
        path_name,
        period,
        period_start,
        dimension,
        dimension_value,
        nodes,
        cast(sum(path_count) as bigint) as path_count
    from by_period
    group by path_name, period, period_start, dimension, dimension_value, nodes

)

select * from final
