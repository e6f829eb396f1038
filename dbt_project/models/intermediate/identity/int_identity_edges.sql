{{
    config(
        materialized='incremental',
        unique_key=['identity', 'linked_identity'],
        meta={'declared_by': ['event_rules_hash']}
    )
}}

-- Links only come, or turn out to be older; what is kept of one is told again only where
-- one of its two ids has a link that did, or turned out to be a user's.
{% set mark = high_water_mark('built_through_load_id') %}

with
{% if is_incremental() %}
changed_links as (

    select
        links.identity,
        links.linked_identity
    from {{ ref('int_identity_links') }} as links
    left join {{ this }} as known
        on
            least(links.identity, links.linked_identity) = known.identity
            and greatest(links.identity, links.linked_identity) = known.linked_identity
    where
        links.identity is not null
        and links.built_through_load_id > '{{ mark }}'
        and (known.identity is null or links.linked_at < known.linked_at)

),

users_seen as (

    select identity
    from {{ ref('int_identity_sightings') }}
    where
        is_user
        and built_through_load_id > '{{ mark }}'

),

changed_ids as (

    select identity from changed_links
    union
    select linked_identity from changed_links
    union
    select identity from {{ this }}
    where
        not is_user
        and identity in (select identity from users_seen)
    union
    select linked_identity from {{ this }}
    where
        not is_linked_user
        and linked_identity in (select identity from users_seen)

),

-- A link is contested by the others of its device: those are counted too.
ids_to_count as (

    select identity from changed_ids
    union
    select identity from {{ this }}
    where linked_identity in (select identity from changed_ids)
    union
    select linked_identity from {{ this }}
    where identity in (select identity from changed_ids)

),

{% endif %}
linked_pairs as (

    select
        least(identity, linked_identity) as identity,
        greatest(identity, linked_identity) as linked_identity,
        min(linked_at) as linked_at
    from (
        select
            identity,
            linked_identity,
            linked_at
        from {{ ref('int_identity_links') }}
        where
            identity is not null
            and built_through_load_id > '{{ mark }}'
        {% if is_incremental() %}
        union all
        select
            identity,
            linked_identity,
            linked_at
        from {{ this }}
        {% endif %}
    ) as links
    {% if is_incremental() %}
    where
        identity in (select identity from ids_to_count)
        or linked_identity in (select identity from ids_to_count)
    {% endif %}
    group by least(identity, linked_identity), greatest(identity, linked_identity)

),

-- A third of all ids, and both joins below are built from them.
users as (

    select identity
    from {{ ref('int_identity_sightings') }}
    where is_user

),

ends as (

    select
        pairs.*,
        one.identity is not null as is_user,
        other.identity is not null as is_linked_user
    from linked_pairs as pairs
    left join users as one
        on pairs.identity = one.identity
    left join users as other
        on pairs.linked_identity = other.identity

),

-- How many links each id that is no user has.
degrees as (

    select
        identity,
        count(*) as link_count
    from (
        select identity
        from ends
        where not is_user
        union all
        select linked_identity
        from ends
        where not is_linked_user
    ) as ends_without_account
    group by identity

),

final as (

    select
        ends.identity,
        ends.linked_identity,
        ends.linked_at,
        ends.is_user,
        ends.is_linked_user,
        -- One device, one user: nothing to decide.
        ends.is_user = ends.is_linked_user
        or degrees.link_count > 1 as is_contested,
        {{ newest_load('int_landed_days') }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from ends
    left join degrees
        on
            case when ends.is_user then ends.linked_identity else ends.identity end
            = degrees.identity
    {% if is_incremental() %}
    where
        ends.identity in (select identity from changed_ids)
        or ends.linked_identity in (select identity from changed_ids)
    {% endif %}

)

select * from final
