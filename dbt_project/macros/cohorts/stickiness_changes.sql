{# Each declared stickiness is a block of its own. #}
{% macro blocks_of_stickiness() %}
    {% set found = [] %}
    {% for stickiness in declared_stickiness() %}
        {% do found.append(block_of(stickiness, stickiness.stickiness_name)) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# The start of the first window that a change lies in, none where a stickiness is computed
   whole: that of its interval, which may lie in a window before the change. #}
{% macro changed_window(stickiness) %}
    {% set interval = changed_period_start(stickiness, stickiness.interval_period) %}
    {{ return(
        period_start_of(stickiness.window_period, interval, stickiness.week_start)
        if interval and stickiness.window_period else interval
    ) }}
{% endmacro %}


{# The condition of what a change may have changed: windows, from the first it lies in. #}
{% macro is_stickiness_told_again(stickiness) -%}
    {{ lies_from('changed_at', changed_window(stickiness)) }}
{%- endmacro %}


{# The first interval that those windows are told from: an interval counts in the windows
   that end up to n - 1 after it, and what a calendar window had is taken off the next. #}
{% macro first_interval_of_changes(stickiness) %}
    {% if stickiness.since is none %}{{ return(none) }}{% endif %}
    {{ return(
        periods_after(changed_window(stickiness), -1, "'" ~ stickiness.window_period ~ "'")
        if stickiness.window_period else
        periods_after(
            changed_window(stickiness),
            '-' ~ stickiness.window_intervals,
            "'" ~ stickiness.interval_period ~ "'"
        )
    ) }}
{% endmacro %}


{# By how much the number of persons who were active on exactly k intervals of a window
   changes from one window to the next: (changed_at, active_interval_count, change). Its
   running sum is the histogram, so every window costs the same, however long it is.
   Trailing windows go by their last interval, calendar windows by their start. #}
{% macro stickiness_changes(stickiness) -%}
    {%- if stickiness.window_period -%}
        {{ changes_of_calendar_windows(stickiness) }}
    {%- else -%}
        {{ changes_of_trailing_windows(stickiness) }}
    {%- endif -%}
{%- endmacro %}


{# An active interval counts in the windows that end with it and the n - 1 after it. #}
{% macro changes_of_trailing_windows(stickiness) -%}
    select
        changed_at,
        interval_count as active_interval_count,
        count(*) as change
    from levels
    where interval_count > 0
    group by changed_at, interval_count
    union all
    select
        changed_at,
        interval_count - step as active_interval_count,
        -count(*) as change
    from levels
    where interval_count > step
    group by changed_at, interval_count - step
{%- endmacro %}


{# How many intervals of the window each unit was active on, wherever that changes. #}
{% macro levels_of_trailing_windows(stickiness) -%}
    {%- set interval_name = "'" ~ stickiness.interval_period ~ "'" -%}
    select
        changed_at,
        step,
        sum(step) over (partition by unit_key order by changed_at) as interval_count
    from (
        select
            unit_key,
            changed_at,
            sum(step) as step
        from (
            select
                unit_key,
                period_start as changed_at,
                1 as step
            from active
            union all
            select
                unit_key,
                {{ periods_after('period_start', stickiness.window_intervals, interval_name) }} as changed_at,
                -1 as step
            from active
        ) as steps
        group by unit_key, changed_at
        having sum(step) <> 0
    ) as netted
{%- endmacro %}


{% macro changes_of_calendar_windows(stickiness) -%}
    {%- set window_name = "'" ~ stickiness.window_period ~ "'" -%}
    {%- set counted -%}
        select
            window_start,
            interval_count,
            count(*) as person_count
        from (
            select
                unit_key,
                {{ period_start_of(stickiness.window_period, 'period_start', stickiness.week_start) }} as window_start,
                count(*) as interval_count
            from active
            group by 1, 2
        ) as by_unit
        group by window_start, interval_count
    {%- endset -%}
    select
        window_start as changed_at,
        interval_count as active_interval_count,
        person_count as change
    from ({{ counted }}) as begun
    union all
    select
        {{ periods_after('window_start', '1', window_name) }} as changed_at,
        interval_count as active_interval_count,
        -person_count as change
    from ({{ counted }}) as ended
{%- endmacro %}


{# Persons active in the last interval of a window, by the same key as the windows. #}
{% macro last_interval_counts(stickiness) -%}
    {%- set interval_name = "'" ~ stickiness.interval_period ~ "'" -%}
    {%- set after = periods_after('period_start', '1', interval_name) -%}
    {%- set window_start = period_start_of(
        stickiness.window_period, 'period_start', stickiness.week_start
    ) if stickiness.window_period else 'period_start' -%}
    select
        {{ window_start }} as changed_at,
        0 as active_interval_count,
        count(*) as change
    from active
    {%- if stickiness.window_period %}
    where {{ after }} = {{ periods_after(window_start, '1', "'" ~ stickiness.window_period ~ "'") }}
    {%- endif %}
    group by 1
{%- endmacro %}


{% macro no_stickiness_changes() -%}
    select
        cast(null as {{ dbt.type_string() }}) as stickiness_name,
        cast(null as timestamp) as changed_at,
        cast(null as bigint) as active_interval_count,
        cast(null as bigint) as change
    where false
{%- endmacro %}
