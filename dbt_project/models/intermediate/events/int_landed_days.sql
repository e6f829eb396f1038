{{ config(materialized='incremental', unique_key='event_date') }}

{% set mark = high_water_mark('last_load_id') %}
{% set known_events = state_of_last_run('int_events') if is_incremental() else none %}

with new_copies as (

    select
        event_id,
        event_date,
        load_id
    from {{ ref('stg_events') }}
    where load_id > '{{ mark }}'

),

landed_days as (

    select
        event_date,
        max(load_id) as last_load_id
    from new_copies
    group by event_date

),

{% if known_events is not none %}
known_copies as {{ computed_once() }} (

    select
        event_id,
        event_date
    from {{ known_events }}
    where
        {{ key_or_text(known_events, 'event_key', 'event_id') }} in (
            select {{ key_or_text(known_events, text_key('event_id'), 'event_id') }}
            from new_copies
        )

),

-- A copy that landed on another day may take the place of the one known so far:
-- the day that loses it is changed too.
displaced_days as (

    select
        known_copies.event_date,
        max(new_copies.load_id) as last_load_id
    from known_copies
    inner join new_copies on known_copies.event_id = new_copies.event_id
    where known_copies.event_date <> new_copies.event_date
    group by known_copies.event_date

),
{% endif %}

changed_days as (

    select * from landed_days
    {% if known_events is not none %}
    union all
    select * from displaced_days
    {% endif %}

),

final as (

    select
        event_date,
        max(last_load_id) as last_load_id
    from changed_days
    group by event_date

)

select * from final
