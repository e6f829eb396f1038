with counts as (

    select * from {{ ref('int_event_counts') }}

),

final as (

    select
        counts.event_name,
        counts.period,
        counts.period_start,
        cast(counts.event_count as bigint) as event_count,
        counts.person_count,
        catalog_events.category,
        catalog_events.event_name is not null as is_declared,
        periods.is_complete
    from counts
    inner join {{ ref('int_calendar_periods') }} as periods
        on
            counts.period = periods.period
            and counts.period_start = periods.period_start
    left join {{ ref('stg_catalog_events') }} as catalog_events
        on counts.event_name = catalog_events.event_name

)

select * from final
