with referral_events as {{ inline_cte() }} (

    select
        events.*,
        watermark.watermark_at,
        referrals.credit,
        referrals.invite_within_seconds * interval '1' second as invite_within,
        referrals.accept_within_seconds * interval '1' second as accept_within
    from {{ ref('int_referral_events') }} as events
    cross join {{ ref('int_watermark') }} as watermark
    inner join {{ ref('stg_catalog_referrals') }} as referrals
        on events.referral_name = referrals.referral_name
    where events.occurred_at < watermark.watermark_at

),

members as (

    select
        referral_name,
        person_id,
        min(occurred_at) as signed_up_at
    from referral_events
    where is_sign_up
    group by referral_name, person_id

),

acceptances as (

    select distinct
        referral_name,
        invite_key,
        person_id
    from referral_events
    where is_acceptance

),

-- Who is invited stands on the invite, or accepts it by its key.
invites as (

    select
        invites.referral_name,
        invites.event_id as invite_id,
        invites.person_id as inviter_id,
        invites.occurred_at as invited_at,
        coalesce(
            spans.person_id, {{ known_identity('invites.invitee_identity') }}, acceptances.person_id
        ) as invitee_id,
        invites.invite_key,
        invites.credit,
        invites.invite_within,
        invites.accept_within,
        invites.watermark_at
    from referral_events as invites
    left join acceptances
        on
            invites.referral_name = acceptances.referral_name
            and invites.invite_key = acceptances.invite_key
    left join {{ ref('int_identity_spans') }} as spans
        on
            {{ known_identity('invites.invitee_identity') }} = spans.identity
            and invites.occurred_at >= spans.valid_from
            and invites.occurred_at < spans.valid_to
    where invites.is_invite

),

judged as (

    select
        invites.*,
        inviters.signed_up_at as inviter_signed_up_at,
        invitees.signed_up_at as invitee_signed_up_at,
        case
            when invites.invitee_id = invites.inviter_id then 'self_invite'
            -- Of two who come at one instant the later by name: nobody invites an ancestor.
            when
                invitees.signed_up_at < invites.invited_at
                or (
                    invitees.signed_up_at = inviters.signed_up_at
                    and invitees.person_id < inviters.person_id
                )
                then 'existing_user'
            when
                inviters.signed_up_at is null
                or invites.invited_at < inviters.signed_up_at
                then 'inviter_not_signed_up'
            when invites.invited_at >= inviters.signed_up_at + invites.invite_within
                then 'late_invite'
        end as flaw,
        coalesce(
            invitees.signed_up_at < invites.invited_at + invites.accept_within, false
        ) as is_accepted
    from invites
    left join members as inviters
        on
            invites.referral_name = inviters.referral_name
            and invites.inviter_id = inviters.person_id
    left join members as invitees
        on
            invites.referral_name = invitees.referral_name
            and invites.invitee_id = invitees.person_id

),

-- Most invites have a flaw: only the others are compared with each other.
numbered as (

    select
        *,
        row_number() over (
            partition by
                referral_name, inviter_id, coalesce(invitee_id, invite_key, invite_id)
            order by invited_at, invite_id
        ) as repeat_number
    from judged
    where flaw is null
    union all
    select
        *,
        null as repeat_number
    from judged
    where flaw is not null

),

credited as (

    select
        *,
        row_number() over (
            partition by referral_name, invitee_id
            order by
                case when credit = 'first' then invited_at end asc,
                invited_at desc,
                case when credit = 'first' then invite_id end asc,
                invite_id desc
        ) as credit_number
    from numbered
    where
        repeat_number = 1
        and is_accepted
    union all
    select
        *,
        null as credit_number
    from numbered
    where
        repeat_number is null
        or repeat_number > 1
        or not is_accepted

),

final as (

    select
        referral_name,
        md5(invite_id || '/' || coalesce(invitee_id, '')) as referral_id,
        invite_id,
        inviter_id,
        invitee_id,
        invited_at,
        inviter_signed_up_at,
        case when credit_number is not null then invitee_signed_up_at end
            as invitee_signed_up_at,
        case
            when flaw is not null then flaw
            when repeat_number > 1 then 'repeat'
            when credit_number = 1 then 'credited'
            when credit_number > 1 then 'other_inviter'
            when invitee_signed_up_at is not null then 'late_sign_up'
            when invited_at + accept_within > watermark_at then 'open'
            else 'expired'
        end as outcome,
        coalesce(repeat_number = 1, false) as is_counted,
        coalesce(credit_number = 1, false) as is_credited
    from credited

)

select * from final
