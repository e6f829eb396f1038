{{
    config(
        materialized='incremental',
        incremental_strategy=replaced_by_change(),
        unique_key='event_date',
        partition_by=partitions(['event_date']),
        meta={
            'declared_by': ['event_rules_hash'],
            'changed': {
                'column': 'event_date',
                'values': 'landed_days_since',
                'mark': 'built_through_load_id'
            }
        }
    )
}}

{% set mark = high_water_mark('built_through_load_id') %}

with landed as (

    select
        event_id,
        event_date,
        occurred_at,
        user_id,
        anonymous_id,
        properties
    from {{ ref('stg_events') }}
    {% if is_incremental() %}
    where {{ lies_in_changed_days('event_date', mark, values='landed_days_since') }}
    {% endif %}

),

-- Nearly every device has one user a day: those need no order of events.
device_days as (

    select
        event_date,
        anonymous_id,
        min(user_id) as user_id,
        min(occurred_at) as linked_at,
        min(user_id) <> max(user_id) as is_shared
    from landed
    where
        user_id <> anonymous_id
    group by event_date, anonymous_id

),

shared_device_logins as (

    select
        landed.event_date,
        landed.anonymous_id,
        landed.user_id,
        landed.occurred_at as linked_at,
        landed.event_id,
        lag(landed.user_id) over (
            partition by landed.event_date, landed.anonymous_id
            order by landed.occurred_at, landed.event_id, landed.user_id
        ) as previous_user_id
    from landed
    inner join device_days
        on
            landed.event_date = device_days.event_date
            and landed.anonymous_id = device_days.anonymous_id
    where
        device_days.is_shared
        and landed.user_id <> landed.anonymous_id

),

carried_ids as (

    select
        event_date,
        coalesce(user_id, anonymous_id) as identity,
        occurred_at as linked_at,
        {{ json_list_items(json_object_text('properties', '$ids')) }} as carried_id
    from landed
    where properties like '%"$ids"%'

),

known_carried_ids as (

    select
        event_date,
        identity,
        linked_at,
        {{ known_identity('carried_id') }} as carried_identity
    from carried_ids

),

links as (

    select
        event_date,
        anonymous_id as identity,
        user_id as linked_identity,
        linked_at,
        '' as event_id,
        true as is_login
    from device_days
    where not is_shared
    union all
    select
        event_date,
        anonymous_id as identity,
        user_id as linked_identity,
        linked_at,
        event_id,
        true as is_login
    from shared_device_logins
    where
        previous_user_id is null
        or previous_user_id <> user_id
    union all
    select
        event_date,
        identity,
        carried_identity as linked_identity,
        min(linked_at) as linked_at,
        '' as event_id,
        false as is_login
    from known_carried_ids
    where identity <> carried_identity
    group by event_date, identity, carried_identity
    union all
    -- Days read, of nobody: where nobody logs in, they would be read again each night.
    select
        event_date,
        null as identity,
        null as linked_identity,
        null as linked_at,
        '' as event_id,
        false as is_login
    from ({{ landed_days_since(mark) }}) as days_read

),

final as (

    select
        *,
        {{ newest_load('int_landed_days') }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from links

)

select * from final
