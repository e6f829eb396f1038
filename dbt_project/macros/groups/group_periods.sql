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


{# The definitions by role as blocks of what is kept from days before the first change. #}
{% macro blocks_of_groups() %}
    {% set found = [] %}
    {% for group in counted_series(declared_groups()) %}
        {% do found.append(block_of(
            dict(group, as_of=setting('as_of')),
            [group.kind, group.definition_name, group.role] | join(' ')
        )) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# The same by period. #}
{% macro blocks_of_group_periods() %}
    {% set found = [] %}
    {% for group in blocks_of_groups() %}
        {% for period in fromjson(group.periods) %}
            {% do found.append(dict(
                block_of(group, group.block ~ ' ' ~ period), counted_period=period
            )) %}
        {% endfor %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# The start of the first day, or period, that a change lies in, none where all do. #}
{% macro changed_group_start(group) %}
    {{ return(changed_period_start(group, group.counted_period | default('day'))) }}
{% endmacro %}


{# The condition of what a change may have changed. #}
{% macro is_group_day_told_again(group) -%}
    {{ lies_from('day_start', changed_group_start(group)) }}
{%- endmacro %}

{% macro is_group_period_told_again(group) -%}
    {{ lies_from('period_start', changed_group_start(group)) }}
{%- endmacro %}


{# The days of a definition's units that have begun at the watermark. #}
{% macro days_of_group(group, role) -%}
    select
        bucket_at,
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
{%- endmacro %}


{# What a definition counts on each day and in each group, and of whom it is the first day
   and the second: these add up to who is new in a period, to all who ever came, and to
   those who came again. Of who came before the first change, only those who came since
   are looked up. #}
{% macro group_days(group) -%}
    {%- set start = changed_group_start(group) -%}
    with days as {{ computed_once() }} (

        select distinct
            bucket_at as day_start,
            group_value,
            unit_key
        from ({{ days_of_group(group, group.role) }}) as days_of_units
        where {{ lies_from('bucket_at', start) }}

    ),

    {% if start is not none -%}
    earlier as (

        select
            group_value,
            unit_key,
            case when min(bucket_at) < max(bucket_at) then 2 else 1 end as day_count
        from ({{ days_of_group(group, group.role) }}) as days_of_units
        where
            bucket_at < {{ start }}
            and unit_key in (select unit_key from days)
        group by group_value, unit_key

    ),

    {% endif -%}
    numbered as (

        select
            days.day_start,
            days.group_value,
            row_number() over (
                partition by days.group_value, days.unit_key order by days.day_start
            ){{ ' + coalesce(earlier.day_count, 0)' if start is not none }} as day_number
        from days
        {%- if start is not none %}
        left join earlier
            on days.unit_key = earlier.unit_key and days.group_value = earlier.group_value
        {%- endif %}

    ),

    counted as (

        select
            day_start,
            group_value,
            count(case when day_number = 1 then 1 end) as first_day_count,
            count(case when day_number = 2 then 1 end) as second_day_count,
            0 as event_count,
            0 as value_sum
        from numbered
        group by day_start, group_value
        union all
        select
            bucket_at as day_start,
            group_value,
            0 as first_day_count,
            0 as second_day_count,
            sum(event_count) as event_count,
            coalesce(sum(value_sum), 0) as value_sum
        from ({{ days_of_group(group, group.role) }}) as days_of_units
        where {{ lies_from('bucket_at', start) }}
        group by bucket_at, group_value

    )

    select
        '{{ group.kind }}' as kind,
        '{{ group.definition_name }}' as definition_name,
        '{{ group.role }}' as role,
        day_start,
        group_value,
        cast(sum(first_day_count) as bigint) as first_day_count,
        cast(sum(second_day_count) as bigint) as second_day_count,
        cast(sum(event_count) as bigint) as event_count,
        cast(sum(value_sum) as decimal(38, 6)) as value_sum,
        {{ block_columns(group) }}
    from counted
    group by day_start, group_value
{%- endmacro %}


{# Who did what a definition counts in each period and group, and who on several days. #}
{% macro group_persons(group) -%}
    select
        '{{ group.kind }}' as kind,
        '{{ group.definition_name }}' as definition_name,
        '{{ group.role }}' as role,
        '{{ group.counted_period }}' as period,
        period_start,
        group_value,
        count(*) as person_count,
        count(case when last_day > first_day then 1 end) as repeat_person_count,
        {{ block_columns(group) }}
    from (
        select
            {{ period_start_of(group.counted_period, 'bucket_at', group.week_start) }} as period_start,
            group_value,
            unit_key,
            min(bucket_at) as first_day,
            max(bucket_at) as last_day
        from ({{ days_of_group(group, group.role) }}) as days_of_units
        where {{ lies_from('bucket_at', changed_group_start(group)) }}
        group by 1, group_value, unit_key
    ) as units
    group by period_start, group_value
{%- endmacro %}


{# What each unit did in each period and group, all history first, which has no start here:
   it begins with the first day of them all. (period, period_start, group_value, unit_key,
   event_count, value_sum, first_day, last_day). #}
{% macro units_of_group(group) -%}
    {%- set periods = fromjson(group.periods) -%}
    select
        case
            {% for period in periods -%}
            when grouping({{ period }}_start) = 0 then '{{ period }}'
            {% endfor -%}
            else 'all'
        end as period,
        coalesce({% for period in periods %}{{ period }}_start, {% endfor %}null) as period_start,
        group_value,
        unit_key,
        sum(event_count) as event_count,
        coalesce(sum(value_sum), 0) as value_sum,
        min(bucket_at) as first_day,
        max(bucket_at) as last_day
    from (
        select
            {% for period in periods -%}
            {{ period_start_of(period, 'bucket_at', group.week_start) }} as {{ period }}_start,
            {% endfor -%}
            *
        from ({{ days_of_group(group, 'group') }}) as days_of_units
    ) as days
    group by grouping sets (
        {% for period in periods -%}
        (group_value, unit_key, {{ period }}_start),
        {% endfor -%}
        (group_value, unit_key)
    )
{%- endmacro %}


{# The start of a period of such rows, of which `units` holds all. #}
{% macro start_of_group_period(units) -%}
    case
        when period = 'all' then (select min(first_day) from {{ units }})
        else period_start
    end
{%- endmacro %}


{# A definition's figures of each period and group. Days add up to all but the persons of
   a period, who are counted from what they did. #}
{% macro periods_of_group(group) -%}
    with days as {{ computed_once() }} (

        select * from {{ ref('int_group_days') }}
        where block = '{{ group.block }}'

    ),

    counted as (

        select
            'all' as period,
            (select min(day_start) from days) as period_start,
            group_value,
            sum(first_day_count) as person_count,
            sum(first_day_count) as new_person_count,
            sum(second_day_count) as repeat_person_count,
            sum(event_count) as event_count,
            sum(value_sum) as value_sum
        from days
        group by group_value
        union all
        select
            period,
            period_start,
            group_value,
            person_count,
            0 as new_person_count,
            repeat_person_count,
            0 as event_count,
            0 as value_sum
        from {{ ref('int_group_persons') }}
        where
            kind = '{{ group.kind }}'
            and definition_name = '{{ group.definition_name }}'
            and role = '{{ group.role }}'
        {% for period in fromjson(group.periods) %}
        union all
        select
            '{{ period }}' as period,
            {{ period_start_of(period, 'day_start', group.week_start) }} as period_start,
            group_value,
            0 as person_count,
            sum(first_day_count) as new_person_count,
            0 as repeat_person_count,
            sum(event_count) as event_count,
            sum(value_sum) as value_sum
        from days
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


{% macro no_group_days() -%}
    select
        cast(null as {{ dbt.type_string() }}) as kind,
        cast(null as {{ dbt.type_string() }}) as definition_name,
        cast(null as {{ dbt.type_string() }}) as role,
        cast(null as timestamp) as day_start,
        cast(null as {{ dbt.type_string() }}) as group_value,
        cast(null as bigint) as first_day_count,
        cast(null as bigint) as second_day_count,
        cast(null as bigint) as event_count,
        cast(null as decimal(38, 6)) as value_sum
    where false
{%- endmacro %}


{% macro no_group_persons() -%}
    select
        cast(null as {{ dbt.type_string() }}) as kind,
        cast(null as {{ dbt.type_string() }}) as definition_name,
        cast(null as {{ dbt.type_string() }}) as role,
        cast(null as {{ dbt.type_string() }}) as period,
        cast(null as timestamp) as period_start,
        cast(null as {{ dbt.type_string() }}) as group_value,
        cast(null as bigint) as person_count,
        cast(null as bigint) as repeat_person_count
    where false
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
