with source as (

    select * from {{ source('raw', 'assignments') }}

),

renamed as (

    select
        experiment,
        variant,
        unit_id,
        coalesce(lower(unit), 'person') as unit,
        assigned_at,
        user_id,
        anonymous_id,
        extra,
        source,
        file,
        line_number,
        -- The partition, as in stg_events: it lets a night skip older loads unread.
        load as load_id
    from source

),

newest as (

    select * from renamed
    qualify {{ newest_copy(
        ['experiment', 'unit', 'unit_id', 'variant'],
        'assigned_at',
        first=true
    ) }}

)

select * from newest
