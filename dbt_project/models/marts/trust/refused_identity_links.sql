with edges as (

    select * from {{ ref('int_identity_edges') }}

),

identities as (

    select * from {{ ref('int_identities') }}

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
    inner join identities as one on edges.identity = one.identity
    inner join identities as other on edges.linked_identity = other.identity
    where one.person_id <> other.person_id

)

select * from final
