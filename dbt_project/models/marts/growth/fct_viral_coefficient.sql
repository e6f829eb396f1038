with members as (

    select
        members.*,
        {{ to_local_time('members.signed_up_at') }} as signed_up_local_at,
        referrals.periods,
        referrals.range_from,
        referrals.range_to,
        referrals.has_range,
        referrals.invite_within_seconds + referrals.accept_within_seconds as open_seconds
    from {{ ref('fct_referral_members') }} as members
    inner join {{ ref('stg_catalog_referrals') }} as referrals
        on members.referral_name = referrals.referral_name

),

placed as (

    {% for period in ['day', 'week', 'month', 'range'] %}
    {% set starts = {
        'day': "date_trunc('day', signed_up_local_at)",
        'week': week_start_of('signed_up_local_at'),
        'month': "date_trunc('month', signed_up_local_at)",
        'range': "coalesce(range_from, date_trunc('day', min(signed_up_local_at) over (partition by referral_name)))"
    } %}
    select
        *,
        '{{ period }}' as period,
        {{ starts[period] }} as period_start,
        {% if period == 'range' -%}
        range_to as period_end
        {%- else -%}
        {{ periods_after(starts[period], 1, "'" ~ period ~ "'") }} as period_end
        {%- endif %}
    from members
    where
        coalesce(signed_up_local_at >= range_from, true)
        and coalesce(signed_up_local_at < range_to, true)
        and {{ 'has_range' if period == 'range' else "periods like '%\"" ~ period ~ "\"%'" }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

cycles as (

    select
        referral_name,
        inviter_id,
        {{ seconds_between('inviter_signed_up_at', 'invitee_signed_up_at') }} / 86400.0
            as cycle_days
    from {{ ref('fct_referrals') }}
    where is_credited

),

cohort_cycles as (

    select
        placed.referral_name,
        placed.period,
        placed.period_start,
        median(cycles.cycle_days) as median_cycle_days
    from placed
    inner join cycles
        on
            placed.referral_name = cycles.referral_name
            and placed.person_id = cycles.inviter_id
    group by placed.referral_name, placed.period, placed.period_start

),

cohorts as (

    select
        placed.referral_name,
        placed.period,
        placed.period_start,
        coalesce(
            {{ to_utc_time('max(placed.period_end)') }}
            + max(placed.open_seconds) * interval '1' second
            <= max(watermark.watermark_at),
            false
        ) as is_mature,
        count(*) as cohort_size,
        count(case when placed.inviter_id is not null then 1 end) as referred_count,
        count(case when placed.invite_count > 0 then 1 end) as inviter_count,
        cast(sum(placed.invite_count) as bigint) as invite_count,
        cast(sum(placed.credited_count) as bigint) as credited_count,
        cast(max(placed.tree_depth) as integer) as tree_depth,
        cast(sum(placed.reward_count) as bigint) as reward_count,
        cast(sum(placed.reward_amount) as decimal(38, 6)) as reward_amount
    from placed
    cross join {{ ref('int_watermark') }} as watermark
    group by placed.referral_name, placed.period, placed.period_start

),

final as (

    select
        cohorts.*,
        cohorts.invite_count / cast(cohorts.cohort_size as double) as invites_per_person,
        cohorts.credited_count / cast(nullif(cohorts.invite_count, 0) as double)
            as invite_conversion_rate,
        case
            when cohorts.is_mature
                then cohorts.credited_count / cast(cohorts.cohort_size as double)
        end as viral_coefficient,
        cohort_cycles.median_cycle_days,
        cohorts.referred_count / cast(cohorts.cohort_size as double) as referred_share
    from cohorts
    left join cohort_cycles
        on
            cohorts.referral_name = cohort_cycles.referral_name
            and cohorts.period = cohort_cycles.period
            and cohorts.period_start = cohort_cycles.period_start

)

select * from final
