with source as (

    select * from {{ source('raw', 'quarantine') }}

),

renamed as (

    select
        load_id,
        source,
        file as file_path,
        line_number,
        reason_code,
        reason,
        raw_text,
        quarantined_at
    from source

)

select * from renamed
