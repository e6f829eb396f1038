{{ config(materialized='view') }}

with shares as (

    select *
    from {{ ref('int_group_periods') }}
    where
        kind = 'share'
        and role = 'group'

),

return_traffic as (

    select *
    from {{ ref('int_group_periods') }}
    where
        kind = 'share'
        and role = 'return'

),

-- All history has one start, whichever came first.
final as (

    select
        coalesce(shares.definition_name, return_traffic.definition_name) as definition_name,
        coalesce(shares.period, return_traffic.period) as period,
        case
            when coalesce(shares.period, return_traffic.period) = 'all'
                then min(coalesce(
                    least(shares.period_start, return_traffic.period_start),
                    shares.period_start, return_traffic.period_start
                )) over (
                    partition by
                        coalesce(shares.definition_name, return_traffic.definition_name),
                        coalesce(shares.period, return_traffic.period)
                )
            else coalesce(shares.period_start, return_traffic.period_start)
        end as period_start,
        coalesce(shares.group_value, return_traffic.group_value) as platform,
        coalesce(shares.event_count, 0) as share_count,
        coalesce(shares.person_count, 0) as sharer_count,
        coalesce(shares.new_person_count, 0) as new_sharer_count,
        coalesce(return_traffic.event_count, 0) as return_event_count,
        coalesce(return_traffic.person_count, 0) as return_person_count,
        return_traffic.event_count / cast(shares.event_count as double) as returns_per_share,
        coalesce(shares.is_complete, return_traffic.is_complete) as is_complete
    from shares
    full outer join return_traffic
        on
            shares.definition_name = return_traffic.definition_name
            and shares.period = return_traffic.period
            and (shares.period_start = return_traffic.period_start or shares.period = 'all')
            and shares.group_value = return_traffic.group_value

)

select * from final
