-- What stands on each step: had nobody left there, and had those who left gone on as the
-- others did, so many more would have converted.
with steps as (

    select
        *,
        last_value(person_count) over in_series as converted_count,
        last_value(conversion_value) over in_series as conversion_value_of_all
    from {{ ref('fct_funnel_steps') }}
    where is_mature
    window in_series as (
        partition by funnel_name, period, period_start, breakdown, breakdown_value
        order by step
        rows between unbounded preceding and unbounded following
    )

),

estimated as (

    select
        *,
        drop_off_count * converted_count / nullif(cast(person_count as double), 0)
            as conversions_at_stake,
        cast(conversion_value_of_all as double) / nullif(converted_count, 0)
            as value_per_conversion
    from steps
    where step > 1

),

final as (

    select
        funnel_name,
        period,
        period_start,
        breakdown,
        breakdown_value,
        step,
        step_name,
        row_number() over (
            partition by funnel_name, period, period_start, breakdown, breakdown_value
            order by
                case when drop_off_count > 0 and person_count = 0 then 0 else 1 end asc,
                conversions_at_stake desc nulls last,
                drop_off_count desc,
                step asc
        ) as bottleneck_rank,
        previous_person_count,
        drop_off_count,
        drop_off_rate,
        conversions_at_stake,
        conversions_at_stake * value_per_conversion as value_at_stake
    from estimated

)

select * from final
