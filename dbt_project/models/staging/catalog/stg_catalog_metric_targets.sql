with source as (

    select * from {{ source('raw', 'catalog_metric_targets') }}

),

renamed as (

    select
        metric_name,
        period,
        target
    from source

)

select * from renamed
