{# Which periods of a metric are computed in a run, and which days are read for them. #}

{# Names the rows of one declaration of one metric: what changes figures is in it. #}
{% macro declaration_of_metric(metric) -%}
    {{ return(local_md5([
        metric.definition_hash, setting('reporting_timezone'), setting('week_start'),
        setting('event_rules_hash')
    ] | join('|'))) }}
{%- endmacro %}


{# Whether the calendar has days, quiet ones, that this metric of trailing days has no
   figure for yet: yesterday's visitors are active on them all the same. #}
{% macro has_unseen_days(metric) -%}
    {%- if not (is_incremental() and trailing_days_of(metric)) -%}{{ return(false) }}{%- endif -%}
    {{ return(run_query(
        'select count(*) from ' ~ ref('int_calendar_days') ~ ' as calendar where '
        ~ is_unseen_period(metric, calendar_periods(metric)[0])
    ).columns[0].values()[0] > 0) }}
{%- endmacro %}


{% macro is_unseen_period(metric, period) -%}
    calendar.{{ period }}_start not in (
        select seen.period_start
        from {{ this }} as seen
        where
            seen.metric_name = '{{ metric.metric_name }}'
            and seen.period = '{{ period }}'
            and seen.dimension = 'all'
    )
{%- endmacro %}


{# The metrics a run has to compute: all of them where a day changed, else those whose
   declaration is new. A block that would find nothing to do still costs its scan. #}
{% macro metrics_to_compute(known_declarations, mark) -%}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- set changed = not is_incremental() or run_query(
        'select count(*) from (' ~ changed_days_since(mark) ~ ') as changed'
    ).columns[0].values()[0] -%}
    {%- set chosen = [] -%}
    {%- for metric in declared_metrics()
        if changed
        or known_declarations.get(metric.metric_name) != declaration_of_metric(metric)
        or has_unseen_days(metric) -%}
        {%- do chosen.append(metric) -%}
    {%- endfor -%}
    {{ return(chosen) }}
{%- endmacro %}


{# Whether a metric needs all history: its declaration is new, or one late event may
   move figures far away (what a person is). #}
{% macro computes_everything(metric, is_new) -%}
    {{ return(is_new or metric.uses_person_properties) }}
{%- endmacro %}


{# How many days from a changed event a figure may change, of which none means all: a
   conversion changes its base event's period up to a window earlier, activity counts for
   later trailing days, a return for the day of the entry, and whoever enters by a late
   event enters no more by any later one. #}
{% macro reach_of_metric(metric) -%}
    {%- if metric.metric_type == 'retention' -%}
        {{ return({'back': metric.retention_day | int, 'forward': none}) }}
    {%- endif -%}
    {%- if metric.metric_type in ('conversion', 'time_to') -%}
        {{ return({'back': (metric.window_seconds | int) // 86400 + 1, 'forward': 0}) }}
    {%- endif -%}
    {{ return({'back': 0, 'forward': (trailing_days_of(metric) or 1) - 1}) }}
{%- endmacro %}


{# Periods that are cut from the calendar; hours follow their day. #}
{% macro calendar_periods(metric) -%}
    {%- set periods = fromjson(metric.periods) -%}
    {%- set cut = [] -%}
    {%- if 'hour' in periods or 'day' in periods -%}{%- do cut.append('day') -%}{%- endif -%}
    {%- for period in ['week', 'month'] if period in periods -%}{%- do cut.append(period) -%}{%- endfor -%}
    {{ return(cut) }}
{%- endmacro %}


{# Whether weeks and months are the sums of their days: counts and sums add up, of
   conversions too, distinct persons and percentiles do not. #}
{% macro adds_up_over_days(metric) -%}
    {%- if 'day' not in fromjson(metric.periods) -%}{{ return(false) }}{%- endif -%}
    {%- if metric.metric_type == 'conversion' -%}
        {{ return(metric.count_by != 'persons') }}
    {%- endif -%}
    {%- if metric.metric_type not in ('count', 'sum', 'average', 'ratio') -%}
        {{ return(false) }}
    {%- endif -%}
    {%- for component in fromjson(metric.components)
        if component.aggregate not in ('count', 'sum', 'count_values') -%}
        {{ return(false) }}
    {%- endfor -%}
    {{ return(true) }}
{%- endmacro %}


{# Periods whose figures are taken from events; the others are added up from days. #}
{% macro periods_from_events(metric) -%}
    {%- set longer = ['week', 'month'] if adds_up_over_days(metric) else [] -%}
    {{ return(fromjson(metric.periods) | reject('in', longer) | list) }}
{%- endmacro %}


{% macro changed_calendar_days_since(mark) -%}
    select distinct activity_date as date_day
    from ({{ changed_local_days_since(mark) }}) as changed
{%- endmacro %}


{# (period, period_start) of all periods to compute. #}
{% macro periods_to_compute(metric, is_new) -%}
    {%- set reach = reach_of_metric(metric) -%}
    {%- for period in calendar_periods(metric) -%}
    select distinct
        '{{ period }}' as period,
        calendar.{{ period }}_start as period_start
    from {{ ref('int_calendar_days') }} as calendar
    {% if is_new -%}
    where true
    {%- elif computes_everything(metric, is_new) -%}
    where exists (select 1 from changed_local_days)
    {%- else -%}
    inner join changed_local_days
        on
            calendar.date_day >= changed_local_days.date_day - {{ reach.back }}
            {% if reach.forward is not none -%}
            and calendar.date_day <= changed_local_days.date_day + {{ reach.forward }}
            {%- endif %}
    {%- if reach.forward != 0 %}
    union
    select distinct
        '{{ period }}' as period,
        calendar.{{ period }}_start as period_start
    from {{ ref('int_calendar_days') }} as calendar
    where {{ is_unseen_period(metric, period) }}
    {%- endif %}
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
{%- endmacro %}


{# UTC days to read for them, of which none means all: a local day lies on two UTC days,
   conversions lie after the base event and trailing activity before the day it counts
   for, which of a week or a month is the last. #}
{% macro days_to_read(metric, is_new, mark) -%}
    {%- if computes_everything(metric, is_new) -%}{{ return(none) }}{%- endif -%}
    {%- set reach = reach_of_metric(metric) -%}
    {%- set query -%}
        with changed_local_days as ({{ changed_calendar_days_since(mark) }}),
        computed_periods as ({{ periods_to_compute(metric, is_new) }})
        {% for period in calendar_periods(metric)
            if period == 'day' or period in periods_from_events(metric) -%}
        select calendar.date_day + cast(shift.offset_days as integer) as event_date
        from (
            select
                {{ period }}_start as period_start,
                {{ 'max(date_day) as ' if trailing_days_of(metric) }} date_day
            from {{ ref('int_calendar_days') }}
            {{ 'group by ' ~ period ~ '_start' if trailing_days_of(metric) }}
        ) as calendar
        inner join computed_periods
            on
                computed_periods.period = '{{ period }}'
                and calendar.period_start = computed_periods.period_start
        cross join {{ numbers_between(-1 - (reach.forward or 0), 1 + reach.back) }} as shift (offset_days)
        {{ 'union' if not loop.last }}
        {% endfor -%}
    {%- endset -%}
    {{ return(changed_dates(query, 'event_date')) }}
{%- endmacro %}


{% macro numbers_between(first, last) -%}
    (values {% for number in range(first, last + 1) %}({{ number }}){{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}


{# Weeks and months of a metric that adds up: the days just computed, and of the same
   weeks and months the days that stand. Days are rounded, so a week is the sum of its
   days to the last digit, whichever of them were computed tonight. #}
{% macro sums_over_days(metric) -%}
    {%- set starts = {
        'week': week_start_of('days.period_start'),
        'month': "date_trunc('month', days.period_start)"
    } -%}
    {%- for period in starts if period in fromjson(metric.periods) %}
        union all
        select
            '{{ period }}' as period,
            {{ starts[period] }} as period_start,
            days.dimension,
            days.dimension_value,
            days.numerator,
            days.denominator,
            days.value
        from {{ metric.metric_name }}__known_days as days
    {%- endfor %}
{%- endmacro %}


{# The days of a metric that adds up: those just computed, the others of the calendar as
   they stand. #}
{% macro known_days(metric, declaration) -%}
    {%- set name = metric.metric_name -%}
    select
        period_start,
        dimension,
        dimension_value,
        numerator,
        denominator,
        value
    from {{ name }}__values
    where
        period = 'day'
        and period_start in (
            select period_start from {{ name }}__periods where period = 'day'
        )
    {%- if is_incremental() %}
    union all
    select
        period_start,
        dimension,
        dimension_value,
        numerator,
        denominator,
        value
    from {{ this }}
    where
        metric_name = '{{ name }}'
        and declaration = '{{ declaration }}'
        and period = 'day'
        and period_start not in (
            select period_start from {{ name }}__periods where period = 'day'
        )
        and period_start in (select day_start from {{ ref('int_calendar_days') }})
    {%- endif %}
{%- endmacro %}


{# Rows of the periods to compute only, parts put together, and a total row for every
   one of these periods even where nothing happened: a period that late data has
   emptied is overwritten, and a quiet one reads 0. #}
{% macro in_computed_periods(metric, declaration) -%}
    select
        '{{ metric.metric_name }}' as metric_name,
        period,
        period_start,
        dimension,
        dimension_value,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        max(value) as value,
        '{{ declaration }}' as declaration
    from (
        select * from {{ metric.metric_name }}__values
        {%- if adds_up_over_days(metric) %}
        {{- sums_over_days(metric) }}
        {%- endif %}
        union all
        select
            period,
            period_start,
            'all' as dimension,
            'all' as dimension_value,
            null as numerator,
            null as denominator,
            null as value
        from {{ metric.metric_name }}__periods
        {%- if 'hour' in fromjson(metric.periods) %}
        union all
        select
            'hour' as period,
            computed.period_start + hours.hour_number * interval '1' hour as period_start,
            'all' as dimension,
            'all' as dimension_value,
            null as numerator,
            null as denominator,
            null as value
        from {{ metric.metric_name }}__periods as computed
        cross join {{ numbers_between(0, 23) }} as hours (hour_number)
        where computed.period = 'day'
        {%- endif %}
    ) as parts
    where
        (case when period = 'hour' then 'day' else period end, date_trunc('day', period_start))
        in (select (period, period_start) from {{ metric.metric_name }}__periods)
    group by period, period_start, dimension, dimension_value
{%- endmacro %}


{% macro no_metric_rows() -%}
    select
        cast(null as {{ dbt.type_string() }}) as metric_name,
        cast(null as {{ dbt.type_string() }}) as period,
        cast(null as timestamp) as period_start,
        cast(null as {{ dbt.type_string() }}) as dimension,
        cast(null as {{ dbt.type_string() }}) as dimension_value,
        cast(null as decimal(38, 6)) as numerator,
        cast(null as decimal(38, 6)) as denominator,
        cast(null as double) as value,
        cast(null as {{ dbt.type_string() }}) as declaration
    where false
{%- endmacro %}
