{# What definitions count by the groups of a dimension, from the days of their series. #}

{# One mapping per declared definition; the traffic that shares bring back is one more,
   of the kind share_return, and what groups are shares of another, of the kind base. #}
{% macro declared_groups() %}
    {{ return(compiled_rows('catalog_groups', 'kind, definition_name')) }}
{% endmacro %}


{% macro counted_series(groups) %}
    {% set counted = [] %}
    {% for group in groups if group.kind != 'peer_benchmark' %}
        {% do counted.append(dict(group, role='group')) %}
        {% if group.return_series_key %}
            {% do counted.append(dict(group, role='return', series_key=group.return_series_key)) %}
        {% endif %}
        {% if group.base_series_key and group.kind != 'feature' %}
            {% do counted.append(dict(group, role='base', series_key=group.base_series_key)) %}
        {% endif %}
    {% endfor %}
    {{ return(counted) }}
{% endmacro %}


{# The days of a series up to the watermark: per unit and group, and whether it is the
   first day of both. #}
{% macro days_of_group(group, role='group') -%}
    select
        bucket_at,
        unit_key,
        {{ "'all'" if role == 'base' else 'group_value' }} as group_value,
        event_count,
        value_sum,
        bucket_at = min(bucket_at) over (
            partition by unit_key{{ ', group_value' if role != 'base' }}
        ) as is_first,
        min(bucket_at) over () as first_day
    from {{ ref('int_cohort_days') }}
    cross join {{ ref('int_watermark') }}
    where
        series_id = '{{ series_id(group.series_key) }}'
        and bucket_at < {{ local_time_in('watermark_at', group.timezone) }}
{%- endmacro %}


{# The periods that a definition is counted in, all history first. #}
{% macro periods_of_group(group) %}
    {{ return(['all'] + fromjson(group.periods)) }}
{% endmacro %}


{% macro period_start_of_group(group, period) -%}
    {{ return('first_day' if period == 'all' else period_start_of(period, 'bucket_at', group.week_start)) }}
{%- endmacro %}


{# The name of a definition's days, which all of its periods are counted from. #}
{% macro days_name(group, role='group') %}
    {{ return(group.kind ~ '__' ~ group.definition_name ~ '__' ~ role) }}
{% endmacro %}


{# What each unit did in each period and group. #}
{% macro units_of_group(group, period, role='group') -%}
    select
        {{ period_start_of_group(group, period) }} as period_start,
        group_value,
        unit_key,
        count(distinct bucket_at) as day_count,
        sum(event_count) as event_count,
        coalesce(sum(value_sum), 0) as value_sum,
        bool_or(is_first) as is_new
    from {{ days_name(group, role) }}
    group by {{ period_start_of_group(group, period) }}, group_value, unit_key
{%- endmacro %}


{% macro no_group_periods() -%}
    select
        cast(null as {{ dbt.type_string() }}) as kind,
        cast(null as {{ dbt.type_string() }}) as definition_name,
        cast(null as {{ dbt.type_string() }}) as role,
        cast(null as {{ dbt.type_string() }}) as period,
        cast(null as timestamp) as period_start,
        cast(null as {{ dbt.type_string() }}) as group_value,
        cast(null as bigint) as person_count,
        cast(null as bigint) as new_person_count,
        cast(null as bigint) as repeat_person_count,
        cast(null as bigint) as event_count,
        cast(null as decimal(38, 6)) as value_sum,
        cast(null as boolean) as is_complete
    where false
{%- endmacro %}


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
