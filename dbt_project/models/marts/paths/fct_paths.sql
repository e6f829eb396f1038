with sequences as (

    select * from {{ ref('int_path_sequences') }}

),

paths as (

    select * from {{ ref('stg_catalog_paths') }}

),

-- A path that ended has one end, and no steps after it.
counted as (

    select
        sequences.path_name,
        sequences.period,
        sequences.period_start,
        sequences.dimension,
        sequences.dimension_value,
        steps.step,
        case
            when steps.step = 0 then '(start)'
            else {{ item_of('sequences.nodes', 'steps.step') }}
        end as previous_node,
        coalesce({{ item_of('sequences.nodes', 'steps.step + 1') }}, '(end)') as node,
        cast(sum(sequences.path_count) as bigint) as path_count
    from sequences
    cross join {{ numbers_between(0, most_path_steps(declared_paths())) }} as steps (step)
    inner join paths
        on
            sequences.path_name = paths.path_name
            and steps.step <= paths.step_count
    where
        steps.step = 0
        or {{ item_of('sequences.nodes', 'steps.step') }} is not null
    group by
        sequences.path_name,
        sequences.period,
        sequences.period_start,
        sequences.dimension,
        sequences.dimension_value,
        steps.step,
        previous_node,
        node

),

final as (

    select
        counted.path_name,
        counted.period,
        counted.period_start,
        counted.dimension,
        counted.dimension_value,
        counted.step,
        counted.previous_node,
        counted.node,
        counted.path_count,
        counted.path_count / cast(
            sum(case when counted.step = 0 then counted.path_count end) over (
                partition by
                    counted.path_name,
                    counted.period,
                    counted.period_start,
                    counted.dimension,
                    counted.dimension_value
            ) as double
        ) as share_of_paths,
        counted.path_count / cast(
            sum(counted.path_count) over (
                partition by
                    counted.path_name,
                    counted.period,
                    counted.period_start,
                    counted.dimension,
                    counted.dimension_value,
                    counted.step,
                    counted.previous_node
            ) as double
        ) as share_of_previous,
        {{ periods_after('counted.period_start', 1, 'counted.period') }}
        <= watermark.watermark_local_at as is_complete
    from counted
    cross join {{ ref('int_watermark') }} as watermark

)

select * from final
