with source as (

    select content from {{ source('raw', 'loads') }}

),

files as (

    select
        json_extract_string(content, '$.load_id') as load_id,
        cast(json_extract_string(content, '$.committed_at') as timestamp) as committed_at,
        json_extract_string(content, '$.source') as source,
        unnest(cast(json_extract(content, '$.files') as json[])) as file
    from source

),

renamed as (

    select
        load_id,
        committed_at,
        source,
        json_extract_string(file, '$.path') as file_path,
        json_extract_string(file, '$.sha256') as sha256,
        cast(json_extract_string(file, '$.bytes') as bigint) as byte_count,
        cast(json_extract_string(file, '$.lines_read') as bigint) as read_row_count,
        cast(json_extract_string(file, '$.landed') as bigint) as landed_row_count,
        cast(json_extract_string(file, '$.quarantined') as bigint) as quarantined_row_count
    from files

)

select * from renamed
