-- Where sessions are cut by inactivity, every event that can lie in one does.
{% set needs_page_view = setting('session_requires_page_view') == 'true' %}
{% set placed_events = events_in_sessions() if sessions_are_of_client() or needs_page_view else ref('int_events') %}

-- Read only where sessions leave events out: depends_on: {{ ref('int_session_days') }}
with landed as (

    select
        'landed rows of the manifests = rows in the lake' as check_name,
        (select coalesce(sum(landed_row_count), 0) from {{ ref('stg_load_files') }})
            as left_count,
        (select coalesce(sum(row_count), 0) from {{ ref('stg_lake_days') }}) as right_count

),

newest_copies as (

    select distinct event_id
    from {{ ref('stg_events') }}
    where load_id = (select max(last_load_id) from {{ ref('int_event_days') }})

),

deduplicated as (

    select
        'event ids of the newest load = events that bear them' as check_name,
        (select count(*) from newest_copies) as left_count,
        (
            select count(*)
            from {{ ref('int_events') }}
            where event_id in (select event_id from newest_copies)
        ) as right_count

),

sessions as (

    select
        'events placed in sessions = events of sessions' as check_name,
        (
            select count(*)
            from {{ placed_events }} as events
            where
                {{ can_be_placed('events') }}
                {% if needs_page_view %}
                and events.session_id in (select session_id from {{ ref('fct_sessions') }})
                {% endif %}
        ) as left_count,
        (select coalesce(sum(event_count), 0) from {{ ref('fct_sessions') }}) as right_count

),

person_days as (

    select
        'events of persons = events of person days' as check_name,
        (
            select count(*)
            from {{ ref('int_events') }}
            where person_id is not null and not is_bot and not is_internal
        ) as left_count,
        (select coalesce(sum(event_count), 0) from {{ ref('int_person_days') }}) as right_count

),

event_counts as (

    select
        'events without bots = daily counts by event' as check_name,
        (
            select count(*) from {{ ref('int_events') }}
            where not is_bot and not is_internal
        ) as left_count,
        (
            select coalesce(sum(event_count), 0)
            from {{ ref('fct_event_counts') }}
            where period = 'day'
        ) as right_count

),

compared as (

    select * from landed
    union all
    select * from deduplicated
    union all
    select * from sessions
    union all
    select * from person_days
    union all
    select * from event_counts

),

final as (

    select
        check_name,
        cast(left_count as bigint) as left_count,
        cast(right_count as bigint) as right_count,
        cast(left_count - right_count as bigint) as difference,
        left_count = right_count as is_reconciled
    from compared

)

select * from final
