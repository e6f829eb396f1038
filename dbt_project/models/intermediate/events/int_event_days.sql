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
-- Who somebody is may turn out later: the days on which an event belongs to another
-- person than it did are changed too.
reassigned_days as (

    select distinct
        known.event_date,
        spans.changed_by_load_id as last_load_id
    from {{ known_events }} as known
    inner join {{ ref('int_identity_spans') }} as spans
        on
            {{ looked_up_identity('known') }} = spans.identity
            and known.occurred_at >= spans.valid_from
            and known.occurred_at < spans.valid_to
    where
        spans.changed_by_load_id > '{{ mark }}'
        and known.person_id <> spans.person_id

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
