with source as (

    select * from {{ source('raw', 'catalog_events') }}

),

renamed as (

    select
        event_name,
        category,
        description,
        is_activity,
        is_page_view
    from source

)

select * from renamed
