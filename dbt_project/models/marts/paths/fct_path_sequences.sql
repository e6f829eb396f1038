with sequences as (

    select * from {{ ref('int_path_sequences') }}

),

named as (

    select
        sequences.path_name,
        sequences.period,
        sequences.period_start,
        sequences.dimension,
        sequences.dimension_value,
        paths.top_sequences,
        {{ json_text_of_list(known_items('sequences.nodes')) }} as nodes,
        {{ length_of(known_items('sequences.nodes')) }} <= paths.step_count as is_ended,
        sequences.path_count
    from sequences
    inner join {{ ref('stg_catalog_paths') }} as paths
        on sequences.path_name = paths.path_name

),

ranked as (

    select
        *,
        least(
            row_number() over (
                partition by
                    path_name, period, period_start, dimension, dimension_value
                order by path_count desc, nodes asc
            ),
            top_sequences + 1
        ) as sequence_rank
    from named

),

final as (

    select
        ranked.path_name,
        ranked.period,
        ranked.period_start,
        ranked.dimension,
        ranked.dimension_value,
        cast(ranked.sequence_rank as integer) as sequence_rank,
        case
            when ranked.sequence_rank <= ranked.top_sequences then min(ranked.nodes)
            else 'Other'
        end as nodes,
        case
            when ranked.sequence_rank <= ranked.top_sequences
                then bool_and(ranked.is_ended)
        end as is_ended,
        cast(sum(ranked.path_count) as bigint) as path_count,
        sum(ranked.path_count) / cast(
            sum(sum(ranked.path_count)) over (
                partition by
                    ranked.path_name,
                    ranked.period,
                    ranked.period_start,
                    ranked.dimension,
                    ranked.dimension_value
            ) as double
        ) as share_of_paths
    from ranked
    group by
        ranked.path_name,
        ranked.period,
        ranked.period_start,
        ranked.dimension,
        ranked.dimension_value,
        ranked.sequence_rank,
        ranked.top_sequences

)

select * from final
