{{ config(materialized='incremental', unique_key='event_date') }}

-- Read only where there is something to build on: depends_on: {{ ref('int_identity_spans') }}
{% set mark = high_water_mark('last_load_id') %}
{% set known_events = state_of_last_run('int_events') if is_incremental() else none %}

with landed_days as (

    select
        event_date,
        last_load_id
    from {{ ref('int_landed_days') }}
    where last_load_id > '{{ mark }}'

),

{% if known_events is not none %}
changed_spans as (

    select
        *,
        {{ person_key('person_id') }} as person_key
    from {{ ref('int_identity_spans') }}
    where changed_by_load_id > '{{ mark }}'

),

-- Who somebody is may turn out later: the days on which an event belongs to another
-- person than it did are changed too. Where two ids share a number, a day more is.
reassigned_days as (

    select distinct
        known.event_date,
        spans.changed_by_load_id as last_load_id
    from {{ known_events }} as known
    inner join changed_spans as spans
        on
            {{ key_or_text(known_events, 'known.identity_key', looked_up_identity('known')) }}
            = {{ key_or_text(known_events, text_key('spans.identity'), 'spans.identity') }}
            and known.occurred_at >= spans.valid_from
            and known.occurred_at < spans.valid_to
    where known.person_key <> spans.person_key

),
{% endif %}

changed_days as (

    select * from landed_days
    {% if known_events is not none %}
    union all
    select * from reassigned_days
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
