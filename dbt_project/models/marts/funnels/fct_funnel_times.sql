-- Bins as PostHog draws them: from the quickest to the slowest conversion, in as many
-- steps of whole seconds as asked for, and one more for the slowest.
with timed as (

    select
        bests.funnel_name,
        bests.breakdown,
        bests.breakdown_value,
        funnels.histogram_bins,
        {{ seconds_between(
            item_of('bests.step_times', 'funnels.histogram_from_step'),
            item_of('bests.step_times', 'funnels.histogram_to_step')
        ) }} as seconds
    from {{ ref('int_funnel_bests') }} as bests
    inner join {{ ref('stg_catalog_funnels') }} as funnels
        on
            bests.funnel_name = funnels.funnel_name
            and bests.reached_step >= funnels.histogram_to_step
    where funnels.step_count > 1

),

summarised as (

    select
        funnel_name,
        breakdown,
        breakdown_value,
        count(*) as conversion_count,
        {{ time_statistics('seconds') }},
        floor(min(seconds)) as quickest_seconds,
        ceil(max(seconds)) - floor(min(seconds)) as spread_seconds,
        cast(
            coalesce(max(histogram_bins), least(60, greatest(3, ceil(cbrt(count(*))))))
            as integer
        ) as bin_count
    from timed
    group by funnel_name, breakdown, breakdown_value

),

measured as (

    select
        *,
        -- All alike: bins of a minute.
        case
            when spread_seconds > 0 then ceil(spread_seconds / bin_count)
            else 60
        end as bin_seconds
    from summarised

),

binned as (

    select
        timed.funnel_name,
        timed.breakdown,
        timed.breakdown_value,
        cast(floor((timed.seconds - measured.quickest_seconds) / measured.bin_seconds) as integer)
            as bin_number,
        count(*) as person_count
    from timed
    inner join measured
        on
            timed.funnel_name = measured.funnel_name
            and timed.breakdown = measured.breakdown
            and timed.breakdown_value = measured.breakdown_value
    group by timed.funnel_name, timed.breakdown, timed.breakdown_value, bin_number

),

final as (

    select
        measured.funnel_name,
        measured.breakdown,
        measured.breakdown_value,
        bins.bin_number,
        measured.quickest_seconds + bins.bin_number * measured.bin_seconds as from_seconds,
        measured.quickest_seconds + (bins.bin_number + 1) * measured.bin_seconds as to_seconds,
        coalesce(binned.person_count, 0) as person_count,
        measured.conversion_count,
        measured.mean_seconds,
        measured.median_seconds,
        measured.p90_seconds
    from measured
    inner join {{ numbers_between(0, 100) }} as bins (bin_number)
        on measured.bin_count >= bins.bin_number
    left join binned
        on
            measured.funnel_name = binned.funnel_name
            and measured.breakdown = binned.breakdown
            and measured.breakdown_value = binned.breakdown_value
            and bins.bin_number = binned.bin_number

)

select * from final
