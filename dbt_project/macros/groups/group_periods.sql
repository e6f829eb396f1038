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


{# What each unit did in each period and group, all history first: (period, period_start,
   group_value, unit_key, event_count, value_sum, first_day, last_day). #}
{% macro units_of_group(group, role='group') -%}
    {{ by_group_period(group, role, 'group_value, unit_key', {
        'event_count': 'sum(event_count)',
        'value_sum': 'coalesce(sum(value_sum), 0)',
        'first_day': 'min(bucket_at)',
        'last_day': 'max(bucket_at)'
    }) }}
{%- endmacro %}


{# Figures of a definition's days by period and `keys`, all history first, which has no
   start here: it begins with the first day of them all. #}
{% macro by_group_period(group, role, keys, figures) -%}
    {%- set periods = fromjson(group.periods) -%}
    select
        case
            {% for period in periods -%}
            when grouping({{ period }}_start) = 0 then '{{ period }}'
            {% endfor -%}
            else 'all'
        end as period,
        coalesce({% for period in periods %}{{ period }}_start, {% endfor %}null) as period_start,
        {{ keys }},
        {% for name, sql in figures.items() -%}
        {{ sql }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor -%}
    from (
        select
            bucket_at,
            {% for period in periods -%}
            {{ period_start_of(period, 'bucket_at', group.week_start) }} as {{ period }}_start,
            {% endfor -%}
            {{ "'all'" if role == 'base' else 'group_value' }} as group_value,
            unit_key,
            event_count,
            value_sum
        from {{ ref('int_cohort_days') }}
        where
            series_id = '{{ series_id(group.series_key) }}'
            and bucket_at < (
                select {{ local_time_in('watermark_at', group.timezone) }}
                from {{ ref('int_watermark') }}
            )
    ) as days
    group by grouping sets (
        {% for period in periods -%}
        ({{ keys }}, {{ period }}_start),
        {% endfor -%}
        ({{ keys }})
    )
{%- endmacro %}


{# The start of a period of such rows, of which `units` holds all. #}
{% macro start_of_group_period(units) -%}
    case
        when period = 'all' then (select min(first_day) from {{ units }})
        else period_start
    end
{%- endmacro %}


{# A definition's figures of each period and group: what its units did, and who of them
   did it on their first day, which is known from all history. Distinct persons and days
   are told by rows, so nothing is counted twice over. Sums ask for no units: kept for
   each of them they took a fifth of the time (51 million events). #}
{% macro periods_of_group(group) -%}
    with units as {{ computed_once() }} (

        {{ by_group_period(group, group.role, 'group_value, unit_key', {
            'first_day': 'min(bucket_at)', 'last_day': 'max(bucket_at)'
        }) }}

    ),

    counted as (

        select
            period,
            {{ start_of_group_period('units') }} as period_start,
            group_value,
            count(*) as person_count,
            count(case when period = 'all' then 1 end) as new_person_count,
            count(case when last_day > first_day then 1 end) as repeat_person_count,
            0 as event_count,
            0 as value_sum
        from units
        group by 1, 2, group_value
        union all
        select
            period,
            {{ start_of_group_period('units') }} as period_start,
            group_value,
            0 as person_count,
            0 as new_person_count,
            0 as repeat_person_count,
            event_count,
            value_sum
        from (
            {{ by_group_period(group, group.role, 'group_value', {
                'event_count': 'sum(event_count)',
                'value_sum': 'coalesce(sum(value_sum), 0)'
            }) }}
        ) as sums
        {% for period in fromjson(group.periods) %}
        union all
        select
            '{{ period }}' as period,
            {{ period_start_of(period, 'first_day', group.week_start) }} as period_start,
            group_value,
            0 as person_count,
            count(*) as new_person_count,
            0 as repeat_person_count,
            0 as event_count,
            0 as value_sum
        from units
        where period = 'all'
        group by 1, 2, group_value
        {% endfor %}

    )

    select
        '{{ group.kind }}' as kind,
        '{{ group.definition_name }}' as definition_name,
        '{{ group.role }}' as role,
        period,
        period_start,
        group_value,
        cast(sum(person_count) as bigint) as person_count,
        cast(sum(new_person_count) as bigint) as new_person_count,
        cast(sum(repeat_person_count) as bigint) as repeat_person_count,
        cast(sum(event_count) as bigint) as event_count,
        cast(sum(value_sum) as decimal(38, 6)) as value_sum,
        {{ periods_after('period_start', 1, 'period') }} <= (
            select {{ local_time_in('watermark_at', group.timezone) }}
            from {{ ref('int_watermark') }}
        ) as is_complete
    from counted
    group by period, period_start, group_value
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
