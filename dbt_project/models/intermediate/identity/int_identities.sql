{{
    config(
        materialized='incremental',
        unique_key='identity',
        meta={'declared_by': ['event_rules_hash']}
    )
}}

-- Whose links changed, who was seen earlier or whose component has another name is told
-- again, with all others of the components they come from and go to.
{% set mark = high_water_mark('built_through_load_id') %}

with
{% if is_incremental() %}
changed_ids as (

    select identity
    from {{ ref('int_identity_edges') }}
    where built_through_load_id > '{{ mark }}'
    union
    select linked_identity
    from {{ ref('int_identity_edges') }}
    where built_through_load_id > '{{ mark }}'
    union
    select sightings.identity
    from {{ ref('int_identity_sightings') }} as sightings
    inner join {{ this }} as known on sightings.identity = known.identity
    where
        sightings.built_through_load_id > '{{ mark }}'
        and sightings.first_seen_at < known.first_seen_at
    union
    select contested.identity
    from {{ ref('int_identity_components') }} as contested
    inner join {{ this }} as known on contested.identity = known.identity
    where contested.component <> known.component

),

{% endif %}
edges as (

    select * from {{ ref('int_identity_edges') }}
    {% if is_incremental() %}
    where
        identity in (select identity from changed_ids)
        or linked_identity in (select identity from changed_ids)
    {% endif %}

),

linked_identities as (

    select
        identity,
        min(linked_at) as linked_at,
        bool_or(is_user) as is_user
    from (
        select
            identity,
            linked_at,
            is_user
        from edges
        union all
        select
            linked_identity,
            linked_at,
            is_linked_user
        from edges
    ) as ends
    {% if is_incremental() %}
    where identity in (select identity from changed_ids)
    {% endif %}
    group by identity

),

-- A device with one user is its user's.
plain_devices as (

    select
        case when is_user then linked_identity else identity end as identity,
        case when is_user then identity else linked_identity end as component
    from edges
    where not is_contested

),

changed_members as (

    select
        linked.identity,
        linked.is_user,
        coalesce(plain.component, contested.component, linked.identity) as component,
        least(linked.linked_at, coalesce(sightings.first_seen_at, linked.linked_at))
            as first_seen_at
    from linked_identities as linked
    left join plain_devices as plain on linked.identity = plain.identity
    left join {{ ref('int_identity_components') }} as contested
        on linked.identity = contested.identity
    left join {{ ref('int_identity_sightings') }} as sightings
        on linked.identity = sightings.identity

),

members as (

    select * from changed_members
    {% if is_incremental() %}
    union all
    select
        identity,
        is_user,
        component,
        first_seen_at
    from {{ this }}
    where
        component in (
            select component from changed_members
            union
            select component from {{ this }}
            where identity in (select identity from changed_ids)
        )
        and identity not in (select identity from changed_ids)
    {% endif %}

),

-- The id of the component that was seen first stands for all; it does not change when
-- others join.
components as (

    select
        component,
        count(*) as member_count,
        min_by(identity, {{ in_total_order('first_seen_at', 'identity') }}) as first_identity,
        max(case when is_user then identity end) as user_id
    from members
    group by component

),

final as (

    select
        members.identity,
        members.is_user,
        members.component,
        members.first_seen_at,
        components.member_count,
        components.member_count > {{ setting('max_ids_per_person') }} as is_overmerged,
        case
            when components.member_count > {{ setting('max_ids_per_person') }}
                then members.identity
            else components.first_identity
        end as person_id,
        case
            when components.member_count > {{ setting('max_ids_per_person') }}
                then case when members.is_user then members.identity end
            else components.user_id
        end as user_id,
        {{ newest_load('int_landed_days') }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from members
    inner join components on members.component = components.component

)

select * from final
