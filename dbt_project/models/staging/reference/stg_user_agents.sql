with source as (

    select * from {{ source('raw', 'user_agents') }}

),

renamed as (

    select
        user_agent,
        browser,
        os,
        device_type,
        is_known_crawler
    from source

)

select * from renamed
