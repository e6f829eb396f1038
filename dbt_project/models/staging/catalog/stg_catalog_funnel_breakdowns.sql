with source as (

    select * from {{ source('raw', 'catalog_funnel_breakdowns') }}

),

renamed as (

    select
        funnel_name,
        breakdown,
        attribution,
        attribution_step,
        group_limit
    from source

)

select * from renamed
