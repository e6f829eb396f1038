with files as (

    select
        source,
        max(committed_at) as last_load_at,
        count(distinct load_id) as load_count,
        count(*) as file_count,
        sum(read_row_count) as read_row_count,
        sum(landed_row_count) as landed_row_count
    from {{ ref('stg_load_files') }}
    group by source

),

events as (

    select
        source,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at,
        count(*) as event_count
    from {{ ref('int_events') }}
    group by source

),

copies as (

    select
        source,
        count(*) as copy_count
    from {{ ref('stg_events') }}
    group by source

),

quarantined as (

    select
        source,
        count(*) as quarantined_row_count
    from {{ ref('stg_quarantine') }}
    group by source

),

final as (

    select
        files.source,
        events.first_event_at,
        events.last_event_at,
        files.last_load_at,
        files.load_count,
        files.file_count,
        cast(files.read_row_count as bigint) as read_row_count,
        cast(files.landed_row_count as bigint) as landed_row_count,
        coalesce(events.event_count, 0) as event_count,
        coalesce(copies.copy_count, 0) - coalesce(events.event_count, 0)
            as duplicate_row_count,
        cast(files.landed_row_count - coalesce(copies.copy_count, 0) as bigint)
            as too_late_row_count,
        coalesce(quarantined.quarantined_row_count, 0) as quarantined_row_count,
        cast(
            {{ seconds_between('events.last_event_at', 'watermark.watermark_at') }} / 3600
            as double
        ) as hours_behind
    from files
    cross join {{ ref('int_watermark') }} as watermark
    left join events on files.source = events.source
    left join copies on files.source = copies.source
    left join quarantined on files.source = quarantined.source

)

select * from final
