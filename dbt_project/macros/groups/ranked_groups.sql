{# A mart of the groups of one kind: counts, shares of everybody counted, what the period
   before had, and the rank. `named` is what the mart calls its groups. #}
{% macro ranked_groups(kind, named) -%}
    select
        groups.definition_name,
        groups.period,
        groups.period_start,
        groups.group_value as {{ named }},
        groups.person_count,
        groups.person_count / cast(base.person_count as double) as person_share,
        groups.new_person_count,
        groups.repeat_person_count,
        groups.event_count,
        groups.event_count / cast(
            sum(groups.event_count) over (
                partition by groups.definition_name, groups.period, groups.period_start
            ) as double
        ) as event_share,
        groups.value_sum,
        case
            when
                groups.period <> 'all'
                and groups.period_start > min(groups.period_start) over (
                    partition by groups.definition_name, groups.period
                )
                then coalesce(previous.person_count, 0)
        end as previous_person_count,
        (groups.person_count - previous.person_count)
        / cast(previous.person_count as double) as person_change,
        cast(row_number() over (
            partition by groups.definition_name, groups.period, groups.period_start
            order by
                groups.person_count desc, groups.event_count desc, groups.group_value asc
        ) as integer) as group_rank,
        groups.is_complete
    from {{ ref('int_group_periods') }} as groups
    -- All history of everybody may begin before that of the groups.
    left join {{ ref('int_group_periods') }} as base
        on
            groups.kind = base.kind
            and base.role = 'base'
            and groups.definition_name = base.definition_name
            and groups.period = base.period
            and (groups.period_start = base.period_start or groups.period = 'all')
    left join {{ ref('int_group_periods') }} as previous
        on
            groups.kind = previous.kind
            and groups.role = previous.role
            and groups.definition_name = previous.definition_name
            and groups.period = previous.period
            and groups.group_value = previous.group_value
            and groups.period_start
            = {{ periods_after('previous.period_start', 1, 'previous.period') }}
    where
        groups.kind = '{{ kind }}'
        and groups.role = 'group'
{%- endmacro %}
