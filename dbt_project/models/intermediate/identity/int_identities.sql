with edges as (

    select * from {{ ref('int_identity_edges') }}

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

members as (

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

sized as (

    select
        *,
        row_number() over (
            partition by component order by first_seen_at, identity
        ) as sighting_order,
        count(*) over (partition by component) as member_count
    from members

),

-- The id of the component that was seen first stands for all; it does not change when
-- others join.
final as (

    select
        identity,
        is_user,
        component,
        first_seen_at,
        member_count,
        member_count > {{ setting('max_ids_per_person') }} as is_overmerged,
        case
            when member_count > {{ setting('max_ids_per_person') }} then identity
            else
                max(case when sighting_order = 1 then identity end)
                    over (partition by component)
        end as person_id,
        case
            when member_count > {{ setting('max_ids_per_person') }}
                then case when is_user then identity end
            else max(case when is_user then identity end) over (partition by component)
        end as user_id
    from sized

)

select * from final
