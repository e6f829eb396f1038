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

-- Each load has one source.
copies as (

    select
        loads.source,
        min(days.event_date) as first_landed_date,
        sum(days.row_count - days.too_late_row_count) as copy_count
    from {{ ref('stg_lake_days') }} as days
    inner join (
        select distinct
            load_id,
            source
        from {{ ref('stg_load_files') }}
    ) as loads
        on days.load_id = loads.load_id
    group by loads.source

),

event_days as (

    select
        source,
        event_date,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at,
        count(*) as event_count
    from {{ ref('int_events') }}
    group by source, event_date

),

-- Days that have expired in the lake are still among the events of the warehouse.
events as (

    select
        event_days.source,
        min(event_days.first_event_at) as first_event_at,
        max(event_days.last_event_at) as last_event_at,
        sum(event_days.event_count) as event_count,
        sum(
            case
                when event_days.event_date >= copies.first_landed_date
                    then event_days.event_count
            end
        ) as landed_event_count
    from event_days
    left join copies on event_days.source = copies.source
    group by event_days.source

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
        cast(coalesce(events.event_count, 0) as bigint) as event_count,
        cast(
            coalesce(copies.copy_count, 0) - coalesce(events.landed_event_count, 0)
            as bigint
        ) as duplicate_row_count,
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
