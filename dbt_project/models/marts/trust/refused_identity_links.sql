-- Nearly all links are of a device with one user, which nobody refuses, unless the user
-- has too many.
with edges as (

    select * from {{ ref('int_identity_edges') }}
    where
        is_contested
        or identity in (
            select identity
            from {{ ref('int_identities') }}
            where is_overmerged
        )

),

final as (

    select
        edges.identity,
        edges.linked_identity,
        edges.linked_at,
        one.person_id,
        other.person_id as linked_person_id,
        case
            when one.component = other.component then 'too_many_ids'
            when edges.is_user and edges.is_linked_user then 'two_users'
            else 'device_of_another_user'
        end as reason_code
    from edges
    inner join {{ ref('int_identities') }} as one on edges.identity = one.identity
    inner join {{ ref('int_identities') }} as other
        on edges.linked_identity = other.identity
    where one.person_id <> other.person_id

)

select * from final
