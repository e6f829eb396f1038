with files as (

    select
        source,
        max(committed_at) as last_load_at,
        count(distinct load_id) as load_count,
        -- Two entries of a load stand for rows that are gone, not for files.
        count(case when file_path not in ('(erased)', '(expired)') then 1 end)
            as file_count,
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
        min(event_date) as first_landed_date,
        count(*) as copy_count
    from {{ ref('stg_events') }}
    group by source

),

-- Days that have expired in the lake are still among the events of the warehouse.
events_in_lake as (

    select
        events.source,
        count(*) as event_count
    from {{ ref('int_events') }} as events
    inner join copies
        on
            events.source = copies.source
            and events.event_date >= copies.first_landed_date
    group by events.source

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
        coalesce(copies.copy_count, 0) - coalesce(events_in_lake.event_count, 0)
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
    left join events_in_lake on files.source = events_in_lake.source
    left join quarantined on files.source = quarantined.source

)

select * from final
