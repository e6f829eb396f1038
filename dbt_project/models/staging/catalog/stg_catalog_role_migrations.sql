with source as (

    select * from {{ source('raw', 'catalog_role_migrations') }}

),

renamed as (

    select
        migration_name,
        label,
        description,
        owner,
        periods,
        answer_seconds,
        definition
    from source

)

select * from renamed
