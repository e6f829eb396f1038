{{ config(materialized='view') }}

with final as (

    select
        identity,
        valid_from,
        valid_to,
        person_id,
        user_id,
        is_user,
        first_seen_at,
        cast(member_count as bigint) as linked_identity_count,
        is_overmerged
    from {{ ref('int_identity_spans') }}

)

select * from final
