with source as (

    select * from {{ source('raw', 'catalog_acquisition') }}

),

renamed as (

    select
        acquisition_name,
        label,
        description,
        owner,
        ltv_name,
        dimension,
        spend_column,
        spend_source,
        horizon_period_number,
        attribution_name,
        model,
        definition
    from source

)

select * from renamed
