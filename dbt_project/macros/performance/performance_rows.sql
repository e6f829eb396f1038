{# Measures of how the product runs, by period and dimension. #}

{% macro declared_performance() %}
    {% set found = compiled_definitions(
        'catalog_performance', 'measure_name',
        ['reporting_timezone', 'week_start', 'event_rules_hash']
    ) %}
    {# What follows an event may come days later; by an hour more where clocks were set
       forward meanwhile. #}
    {% for measure in found if measure.outcome_filter_sql %}
        {% do measure.update({'days_back': (measure.outcome_seconds | int + 3600) // 86400 + 1}) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# The periods that hold a changed day, or one of some days before it, as text keys; those
   after the watermark too, which the calendar does not have yet. #}
{% macro changed_periods_of_events_since(mark, days_back=0) -%}
    {%- set starts = {
        'day': 'changed_day', 'week': week_start_of('changed_day'),
        'month': "date_trunc('month', changed_day)"
    } -%}
    {% for period, start in starts.items() -%}
    select {{ period_key("'" ~ period ~ "'", start) }} as period_key
    from (
        select cast(changed.activity_date + shift.offset_days as timestamp) as changed_day
        from ({{ changed_local_days_since(mark) }}) as changed
        cross join {{ numbers_between(-days_back, 0) }} as shift (offset_days)
    ) as changed_days
    {{ 'union' if not loop.last }}
    {% endfor -%}
{%- endmacro %}


{# The periods of a measure that a run computes, each with their starts as text, of which
   none means all. #}
{% macro periods_to_measure(measure, mark) %}
    {% set starts = {} %}
    {% for period in fromjson(measure.periods) %}
        {% set changed %}
            select right(period_key, 10) as period_start
            from ({{ changed_days_of(measure, mark) }}) as changed_periods
            where period_key like '{{ period }} %'
        {% endset %}
        {% do starts.update({
            period: none if measure.is_whole else changed_dates(changed, 'period_start')
        }) %}
    {% endfor %}
    {{ return(starts) }}
{% endmacro %}


{# The events of a measure, with what they took and whether they failed; of all history,
   or of the days of the changed periods. #}
{% macro events_of_measure(measure, period, starts) -%}
    select
        {{ local_time_in('occurred_at', measure.zone) }} as local_at,
        {{ measure.value_sql or 'cast(null as decimal(18, 6))' }} as measured,
        coalesce({{ measure.failed_sql or 'false' }}, false) as is_failed,
        {% if measure.outcome_filter_sql -%}
        event_id in ({{ followed_events(measure, period, starts) }}) as has_outcome,
        {%- else -%}
        false as has_outcome,
        {%- endif %}
        {% for dimension in fromjson(measure.dimensions) -%}
        coalesce({{ dimension.sql }}, '(none)') as dimension_{{ loop.index }},
        {% endfor -%}
        'all' as dimension_0
    from {{ ref('int_events') }}
    {{ joined_person_properties(measure) }}
    where
        ({{ measure.event_filter_sql }})
        and {{ lies_on('event_date', days_of_periods(period, starts)) }}
        {{ and_kept_traffic(measure) }}
{%- endmacro %}


{# The events of a measure that one with the same key followed in time. #}
{% macro followed_events(measure, period, starts) -%}
    select base.event_id
    from (
        select
            event_id,
            occurred_at,
            {{ measure.key_sql }} as shared_key
        from {{ ref('int_events') }}
        {{ joined_person_properties(measure) }}
        where
            ({{ measure.event_filter_sql }})
            and {{ lies_on('event_date', days_of_periods(period, starts)) }}
    ) as base
    inner join (
        select
            occurred_at,
            {{ measure.key_sql }} as shared_key
        from {{ ref('int_events') }}
        {{ joined_person_properties(measure) }}
        where
            ({{ measure.outcome_filter_sql }})
            and {{ lies_on('event_date', days_of_periods(period, starts, measure.days_back)) }}
            {{ and_kept_traffic(measure) }}
    ) as outcomes
        on
            base.shared_key = outcomes.shared_key
            and outcomes.occurred_at >= base.occurred_at
            and outcomes.occurred_at < base.occurred_at + interval '{{ measure.outcome_seconds }}' second
{%- endmacro %}


{# The figures of one measure and period. #}
{% macro figures_of_period(measure, period, starts) -%}
    with measured_events as (

        {{ events_of_measure(measure, period, starts) }}

    )

    {{ figures_of_measure(measure, period, 'all', 0, starts) }}
    {%- for dimension in fromjson(measure.dimensions) %}
    union all
    {{ figures_of_measure(measure, period, dimension.name, loop.index, starts) }}
    {%- endfor %}
{%- endmacro %}


{# The figures of one measure, period and dimension, from `measured_events`. #}
{% macro figures_of_measure(measure, period, dimension, position, starts) -%}
    {%- set start = period_start_of(period, 'local_at', setting('week_start')) -%}
    {%- set only_changed -%}
        {%- if starts is not none -%}
        where {{ start }} in (
            {%- for day in starts -%}timestamp '{{ day }}'{{ ', ' if not loop.last }}{%- endfor -%}
        )
        {%- endif -%}
    {%- endset -%}
    select
        '{{ measure.measure_name }}' as measure_name,
        '{{ measure.declaration }}' as declaration,
        '{{ period }}' as period,
        {{ period_key("'" ~ period ~ "'", 'figures.period_start') }} as period_key,
        figures.period_start,
        figures.dimension,
        figures.dimension_value,
        figures.event_count,
        figures.value_count,
        figures.value_sum,
        {% for name in ['p50', 'p95', 'p99'] -%}
        {{ item_of('figures.percentiles', loop.index) }} as {{ name }},
        {% endfor -%}
        figures.slow_count,
        figures.failure_count,
        figures.outcome_count,
        {% if measure.uptime_seconds -%}
        intervals.interval_count,
        intervals.down_interval_count
        {%- else -%}
        cast(null as bigint) as interval_count,
        cast(null as bigint) as down_interval_count
        {%- endif %}
    from (
        select
            {{ start }} as period_start,
            '{{ dimension }}' as dimension,
            dimension_{{ position }} as dimension_value,
            count(*) as event_count,
            count(measured) as value_count,
            cast(sum(measured) as decimal(38, 6)) as value_sum,
            {{ percentiles_of('cast(measured as double)', [0.5, 0.95, 0.99]) }} as percentiles,
            {{ 'count(case when measured > ' ~ measure.slow_above ~ ' then 1 end)'
                if measure.slow_above is not none else 'cast(null as bigint)' }} as slow_count,
            {{ 'count(case when is_failed then 1 end)' if measure.failed_sql
                else 'cast(null as bigint)' }} as failure_count,
            {{ 'count(case when has_outcome then 1 end)' if measure.outcome_filter_sql
                else 'cast(null as bigint)' }} as outcome_count
        from measured_events
        {{ only_changed }}
        group by {{ start }}, dimension_{{ position }}
    ) as figures
    {% if measure.uptime_seconds -%}
    inner join (
        select
            period_start,
            dimension_value,
            count(*) as interval_count,
            count(case when failed_share > {{ measure.down_above }} then 1 end)
                as down_interval_count
        from (
            select
                {{ start }} as period_start,
                dimension_{{ position }} as dimension_value,
                avg(case when is_failed then 1.0 else 0.0 end) as failed_share
            from measured_events
            {{ only_changed }}
            group by
                {{ start }},
                dimension_{{ position }},
                {{ whole_periods_between("timestamp '1970-01-01'", 'local_at', measure.uptime_seconds | int) }}
        ) as pieces
        group by period_start, dimension_value
    ) as intervals
        on
            figures.period_start = intervals.period_start
            and figures.dimension_value = intervals.dimension_value
    {%- endif %}
{%- endmacro %}


{% macro no_performance_rows() -%}
    select
        cast(null as {{ dbt.type_string() }}) as measure_name,
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as {{ dbt.type_string() }}) as period,
        cast(null as {{ dbt.type_string() }}) as period_key,
        cast(null as timestamp) as period_start,
        cast(null as {{ dbt.type_string() }}) as dimension,
        cast(null as {{ dbt.type_string() }}) as dimension_value,
        cast(null as bigint) as event_count,
        cast(null as bigint) as value_count,
        cast(null as decimal(38, 6)) as value_sum,
        cast(null as double) as p50,
        cast(null as double) as p95,
        cast(null as double) as p99,
        cast(null as bigint) as slow_count,
        cast(null as bigint) as failure_count,
        cast(null as bigint) as outcome_count,
        cast(null as bigint) as interval_count,
        cast(null as bigint) as down_interval_count
    where false
{%- endmacro %}


{# The names of the limits that a row breaks, separated by commas; '' where it keeps all. #}
{% macro broken_limits(most, least) -%}
    concat_ws(
        ', ',
        {% for name in most -%}
        case when {{ name }} > {{ name }}_threshold then '{{ name }}' end,
        {% endfor -%}
        {% for name in least -%}
        case when {{ name }} < {{ name }}_threshold then '{{ name }}' end{{ ',' if not loop.last }}
        {% endfor -%}
    )
{%- endmacro %}
