{% set of_window = 'partition by stickiness_name, changed_at' %}

with windows as (

    select * from {{ ref('int_stickiness_windows') }}

),

changes as (

    select * from {{ ref('int_stickiness_changes') }}

),

-- The running sum of changes is the number of persons of each window; number 0 stands
-- for those active in the last interval.
histogram as (

    select
        windows.*,
        numbers.active_interval_count,
        case
            when numbers.active_interval_count = 0 then coalesce(changes.change, 0)
            else
                sum(coalesce(changes.change, 0)) over (
                    partition by windows.stickiness_name, numbers.active_interval_count
                    order by windows.changed_at
                )
        end as person_count
    from windows
    inner join {{ numbers_between(0, 744) }} as numbers (active_interval_count)
        on windows.interval_count >= numbers.active_interval_count
    left join changes
        on
            windows.stickiness_name = changes.stickiness_name
            and windows.changed_at = changes.changed_at
            and numbers.active_interval_count = changes.active_interval_count

),

totalled as (

    select
        *,
        sum(case when active_interval_count > 0 then person_count end) over (
            {{ of_window }} order by active_interval_count desc
        ) as person_at_least_count,
        sum(case when active_interval_count > 0 then person_count else 0 end)
            over ({{ of_window }}) as window_person_count,
        sum(case when active_interval_count = 0 then person_count end)
            over ({{ of_window }}) as last_interval_person_count,
        sum(active_interval_count * person_count) over ({{ of_window }})
            as active_interval_total
    from histogram

),

final as (

    select
        stickiness_name,
        interval_period,
        window_start,
        window_end,
        cast(active_interval_count as integer) as active_interval_count,
        cast(person_count as bigint) as person_count,
        cast(person_at_least_count as bigint) as person_at_least_count,
        cast(window_person_count as bigint) as window_person_count,
        cast(last_interval_person_count as bigint) as last_interval_person_count,
        last_interval_person_count / nullif(window_person_count, 0) as stickiness_rate,
        active_interval_total / nullif(window_person_count * interval_count, 0)
            as active_share_rate,
        is_full_window,
        is_complete
    from totalled
    where active_interval_count > 0

)

select * from final
