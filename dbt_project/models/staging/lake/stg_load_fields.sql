with source as (

    select content from {{ source('raw', 'loads') }}

),

fields as (

    select
        json_extract_string(content, '$.load_id') as load_id,
        cast(json_extract_string(content, '$.committed_at') as timestamp) as committed_at,
        json_extract_string(content, '$.source') as source,
        unnest(cast(json_extract(content, '$.new_fields') as json[])) as field
    from source

),

renamed as (

    select
        load_id,
        committed_at,
        source,
        json_extract_string(field, '$.event_name') as event_name,
        json_extract_string(field, '$.property_name') as property_name,
        json_extract_string(field, '$.json_type') as json_type
    from fields

)

select * from renamed
