with source as (

    select * from {{ source('raw', 'catalog_funnel_steps') }}

),

renamed as (

    select
        funnel_name,
        step,
        step_name
    from source

)

select * from renamed
