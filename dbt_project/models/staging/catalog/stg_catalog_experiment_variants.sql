with source as (

    select * from {{ source('raw', 'catalog_experiment_variants') }}

),

renamed as (

    select
        experiment_name,
        variant,
        position,
        allocation,
        is_control
    from source

)

select * from renamed
