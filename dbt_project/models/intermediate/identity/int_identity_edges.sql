with linked_pairs as (

    select
        least(identity, linked_identity) as identity,
        greatest(identity, linked_identity) as linked_identity,
        min(linked_at) as linked_at
    from {{ ref('int_identity_links') }}
    where identity is not null
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
        or degrees.link_count > 1 as is_contested
    from ends
    left join degrees
        on
            case when ends.is_user then ends.linked_identity else ends.identity end
            = degrees.identity

)

select * from final
