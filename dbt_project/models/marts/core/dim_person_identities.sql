with spans as (

    select * from {{ ref('int_identity_spans') }}

),

final as (

    select
        spans.identity,
        spans.valid_from,
        spans.valid_to,
        spans.person_id,
        spans.user_id,
        identities.is_user,
        identities.first_seen_at,
        cast(identities.member_count as bigint) as linked_identity_count,
        identities.is_overmerged
    from spans
    inner join {{ ref('int_identities') }} as identities
        on spans.identity = identities.identity

)

select * from final
