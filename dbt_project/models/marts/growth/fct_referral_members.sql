{{ config(materialized='table') }}

with recursive referrals as (

    select * from {{ ref('fct_referrals') }}

),

members as (

    select
        events.referral_name,
        events.person_id,
        min(case when events.is_sign_up then events.occurred_at end) as signed_up_at,
        count(case when events.is_reward then 1 end) as reward_count,
        coalesce(sum(case when events.is_reward then events.reward_amount end), 0)
            as reward_amount
    from {{ ref('int_referral_events') }} as events
    cross join {{ ref('int_watermark') }} as watermark
    where events.occurred_at < watermark.watermark_at
    group by events.referral_name, events.person_id

),

-- Everybody with everybody who led to them: nobody has two inviters, so there is one way.
lineage as (

    select
        referral_name,
        inviter_id as ancestor_id,
        invitee_id as descendant_id,
        1 as distance
    from referrals
    where is_credited
    union all
    select
        lineage.referral_name,
        referrals.inviter_id as ancestor_id,
        lineage.descendant_id,
        lineage.distance + 1 as distance
    from lineage
    inner join referrals
        on
            lineage.referral_name = referrals.referral_name
            and lineage.ancestor_id = referrals.invitee_id
            and referrals.is_credited

),

places as (

    select
        referral_name,
        person_id,
        max(case when is_above then ancestor_id end) as inviter_id,
        max(case when is_ancestor then distance end) as tree_depth,
        count(case when is_ancestor then 1 end) as descendant_count,
        max(case when not is_ancestor then distance end) as generation
    from (
        select
            referral_name,
            descendant_id as person_id,
            ancestor_id,
            distance,
            distance = 1 as is_above,
            false as is_ancestor
        from lineage
        union all
        select
            referral_name,
            ancestor_id as person_id,
            ancestor_id,
            distance,
            false as is_above,
            true as is_ancestor
        from lineage
    ) as seen
    group by referral_name, person_id

),

sent as (

    select
        referral_name,
        inviter_id,
        count(distinct case when is_counted then invite_id end) as invite_count,
        count(case when is_credited then 1 end) as credited_count
    from referrals
    group by referral_name, inviter_id

),

final as (

    select
        members.referral_name,
        members.person_id,
        members.signed_up_at,
        places.inviter_id,
        coalesce(places.generation, 0) as generation,
        coalesce(sent.invite_count, 0) as invite_count,
        coalesce(sent.credited_count, 0) as credited_count,
        coalesce(places.tree_depth, 0) as tree_depth,
        coalesce(places.descendant_count, 0) as descendant_count,
        members.reward_count,
        cast(members.reward_amount as decimal(38, 6)) as reward_amount
    from members
    left join places
        on
            members.referral_name = places.referral_name
            and members.person_id = places.person_id
    left join sent
        on
            members.referral_name = sent.referral_name
            and members.person_id = sent.inviter_id
    where members.signed_up_at is not null

)

select * from final
