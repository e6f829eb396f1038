with source as (

    select * from {{ source('raw', 'catalog_paths') }}

),

renamed as (

    select
        path_name,
        label,
        description,
        owner,
        direction,
        scope,
        anchors,
        step_count,
        collapses_repeats,
        top_nodes,
        top_sequences,
        periods,
        breakdown_name,
        definition
    from source

)

select * from renamed
