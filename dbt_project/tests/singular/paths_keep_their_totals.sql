-- What leaves a node is what came to it, but at an end or on the last step; and whole
-- sequences are as many as anchors, values of a breakdown as many as all.
with came as (

    select
        path_name,
        period,
        period_start,
        dimension,
        dimension_value,
        step,
        node,
        sum(path_count) as path_count
    from {{ ref('fct_paths') }}
    group by all

),

left_again as (

    select
        path_name,
        period,
        period_start,
        dimension,
        dimension_value,
        step - 1 as step,
        previous_node as node,
        sum(path_count) as path_count
    from {{ ref('fct_paths') }}
    where step > 0
    group by all

),

whole as (

    select
        path_name,
        period,
        period_start,
        dimension,
        dimension_value,
        sum(path_count) as path_count
    from {{ ref('fct_path_sequences') }}
    group by all

)

select
    coalesce(came.path_name, left_again.path_name) as path_name,
    coalesce(came.node, left_again.node) as node
from came
full outer join left_again
    on
        came.path_name = left_again.path_name
        and came.period = left_again.period
        and came.period_start = left_again.period_start
        and came.dimension = left_again.dimension
        and came.dimension_value = left_again.dimension_value
        and came.step = left_again.step
        and came.node = left_again.node
left join {{ ref('stg_catalog_paths') }} as paths on came.path_name = paths.path_name
where
    came.path_name is null
    or (
        came.node <> '(end)'
        and came.step < paths.step_count
        and came.path_count is distinct from left_again.path_count
    )
union all
select
    came.path_name,
    'all sequences' as node
from came
left join whole
    on
        came.path_name = whole.path_name
        and came.period = whole.period
        and came.period_start = whole.period_start
        and came.dimension = whole.dimension
        and came.dimension_value = whole.dimension_value
where came.step = 0
group by
    came.path_name,
    came.period,
    came.period_start,
    came.dimension,
    came.dimension_value,
    whole.path_count
having sum(came.path_count) <> coalesce(whole.path_count, 0)
union all
select
    path_name,
    'all values of a breakdown' as node
from whole
group by path_name, period, period_start
having
    count(distinct dimension) > 1
    and sum(case when dimension = 'all' then path_count else -path_count end) <> 0
