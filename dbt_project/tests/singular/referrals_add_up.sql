-- A new person is credited once, to an earlier one; cohorts of one period hold every
-- member, invite and credit; and who was referred was credited to somebody.
with of_periods as (

    select
        cohorts.referral_name,
        cohorts.period,
        sum(cohorts.cohort_size) as member_count,
        sum(cohorts.credited_count) as credited_count,
        sum(cohorts.referred_count) as referred_count
    from {{ ref('fct_viral_coefficient') }} as cohorts
    inner join {{ ref('stg_catalog_referrals') }} as referrals
        on cohorts.referral_name = referrals.referral_name
    where not referrals.has_range
    group by cohorts.referral_name, cohorts.period

),

of_members as (

    select
        referral_name,
        count(*) as member_count,
        sum(credited_count) as credited_count,
        count(inviter_id) as referred_count
    from {{ ref('fct_referral_members') }}
    group by referral_name

)

select
    of_periods.referral_name,
    of_periods.period as broken
from of_periods
inner join of_members on of_periods.referral_name = of_members.referral_name
where
    of_periods.member_count <> of_members.member_count
    or of_periods.credited_count <> of_members.credited_count
    or of_periods.referred_count <> of_members.referred_count
    or of_members.credited_count <> of_members.referred_count
union all
select
    referral_name,
    'credited twice' as broken
from {{ ref('fct_referrals') }}
where is_credited
group by referral_name, invitee_id
having
    count(*) > 1
    or min(invitee_signed_up_at) < min(inviter_signed_up_at)
union all
select
    referral_name,
    'immature' as broken
from {{ ref('fct_viral_coefficient') }}
where is_mature <> (viral_coefficient is not null)
