{{
    config(
        materialized='incremental',
        unique_key='identity',
        meta={'declared_by': ['event_rules_hash']}
    )
}}

{% set mark = high_water_mark('built_through_load_id') %}
{% set stitching = setting('stitching') %}

-- A device of several users has contested links alone, and few devices have any.
with contested_identities as (

    select identity from {{ ref('int_identity_edges') }}
    where is_contested
    union
    select linked_identity from {{ ref('int_identity_edges') }}
    where is_contested

),

logins as (

    select
        identity as anonymous_id,
        linked_identity as user_id,
        linked_at,
        event_id
    from {{ ref('int_identity_links') }}
    where
        is_login
        and identity in (select identity from contested_identities)

),

shared_devices as (

    select anonymous_id
    from logins
    group by anonymous_id
    having min(user_id) <> max(user_id)

),

{% if stitching == 'last_user_of_device' %}
device_spans as (

    select
        logins.anonymous_id as identity,
        timestamp '0001-01-01 00:00:00' as valid_from,
        timestamp '9999-12-31 00:00:00' as valid_to,
        max_by(logins.user_id, logins.login_order) as user_id
    from (
        select
            *,
            row_number() over (
                partition by anonymous_id order by linked_at, event_id, user_id
            ) as login_order
        from logins
    ) as logins
    inner join shared_devices on logins.anonymous_id = shared_devices.anonymous_id
    group by logins.anonymous_id

),
{% else %}
compared_logins as (

    select
        logins.*,
        lag(logins.user_id) over (
            partition by logins.anonymous_id
            order by logins.linked_at, logins.event_id, logins.user_id
        ) as previous_user_id
    from logins
    inner join shared_devices on logins.anonymous_id = shared_devices.anonymous_id

),

-- Events before a device's first login are its first user's, events between two logins
-- the last one's before them.
device_spans as (

    select
        anonymous_id as identity,
        case
            when previous_user_id is null then timestamp '0001-01-01 00:00:00'
            else linked_at
        end as valid_from,
        lead(linked_at, 1, timestamp '9999-12-31 00:00:00') over (
            partition by anonymous_id order by linked_at, event_id, user_id
        ) as valid_to,
        user_id
    from compared_logins
    where
        previous_user_id is null
        or previous_user_id <> user_id

),
{% endif %}

spans as (

    select
        device_spans.identity,
        device_spans.valid_from,
        device_spans.valid_to,
        users.person_id,
        users.user_id,
        devices.is_user,
        devices.first_seen_at,
        devices.member_count,
        devices.is_overmerged
    from device_spans
    inner join {{ ref('int_identities') }} as users
        on device_spans.user_id = users.identity
    inner join {{ ref('int_identities') }} as devices
        on device_spans.identity = devices.identity
    union all
    select
        identities.identity,
        timestamp '0001-01-01 00:00:00' as valid_from,
        timestamp '9999-12-31 00:00:00' as valid_to,
        identities.person_id,
        identities.user_id,
        identities.is_user,
        identities.first_seen_at,
        identities.member_count,
        identities.is_overmerged
    from {{ ref('int_identities') }} as identities
    left join device_spans on identities.identity = device_spans.identity
    where
        device_spans.identity is null
        and identities.built_through_load_id > '{{ mark }}'

),

final as (

    select
        spans.*,
        {% if is_incremental() %}
        case
            when known.person_id = spans.person_id then known.changed_by_load_id
            else {{ newest_load('int_landed_days') }}
        end as changed_by_load_id,
        {% else %}
        {{ newest_load('int_landed_days') }} as changed_by_load_id,
        {% endif %}
        {{ newest_load('int_landed_days') }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from spans
    {% if is_incremental() %}
    left join {{ this }} as known
        on
            spans.identity = known.identity
            and spans.valid_from = known.valid_from
            and spans.valid_to = known.valid_to
    {% endif %}
    {% if stitching == 'none' %}
    where false
    {% endif %}

)

select * from final
