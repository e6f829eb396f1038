with final as (

    select
        identity,
        component,
        is_user,
        first_seen_at,
        member_count
    from {{ ref('int_identities') }}
    where is_overmerged

)

select * from final
