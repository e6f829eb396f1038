{# Periods of a definition's own time zone and week, and their arithmetic. #}

{# Wall-clock time of a zone (a name) from UTC, and back. #}
{% macro local_time_in(timestamp, zone) -%}
    {%- if zone == 'UTC' -%}
        {{ timestamp }}
    {%- else -%}
        {{ adapter.dispatch('to_local_time')(timestamp, zone) }}
    {%- endif -%}
{%- endmacro %}

{# The same where the zone stands in a column. #}
{% macro local_time_of(timestamp, zone) %}{{ return(adapter.dispatch('local_time_of')(timestamp, zone)) }}{% endmacro %}
{% macro default__local_time_of(timestamp, zone) %}
    {{ return("from_utc_timestamp(" ~ timestamp ~ ", " ~ zone ~ ")") }}
{% endmacro %}
{% macro duckdb__local_time_of(timestamp, zone) %}
    {{ return("timezone(" ~ zone ~ ", timezone('UTC', " ~ timestamp ~ "))") }}
{% endmacro %}

{% macro utc_time_of(local_at, zone) %}{{ return(adapter.dispatch('utc_time_of')(local_at, zone)) }}{% endmacro %}
{% macro default__utc_time_of(local_at, zone) %}
    {{ return("to_utc_timestamp(" ~ local_at ~ ", " ~ zone ~ ")") }}
{% endmacro %}
{% macro duckdb__utc_time_of(local_at, zone) %}
    {{ return("timezone('UTC', timezone(" ~ zone ~ ", " ~ local_at ~ "))") }}
{% endmacro %}


{# The whole periods of a length in seconds that lie between two instants. #}
{% macro whole_periods_between(earlier, later, seconds) %}
    {{ return(adapter.dispatch('whole_periods_between')(earlier, later, seconds)) }}
{% endmacro %}
{% macro default__whole_periods_between(earlier, later, seconds) %}
    {{ return("((unix_micros(" ~ later ~ ") - unix_micros(" ~ earlier ~ ")) div " ~ seconds * 1000000 ~ ")") }}
{% endmacro %}
{% macro duckdb__whole_periods_between(earlier, later, seconds) %}
    {{ return("((epoch_us(" ~ later ~ ") - epoch_us(" ~ earlier ~ ")) // " ~ seconds * 1000000 ~ ")") }}
{% endmacro %}


{# A value by which two columns are ordered together. #}
{% macro in_total_order(first, second) %}{{ return(adapter.dispatch('in_total_order')(first, second)) }}{% endmacro %}
{% macro default__in_total_order(first, second) %}{{ return("struct(" ~ first ~ ", " ~ second ~ ")") }}{% endmacro %}
{% macro duckdb__in_total_order(first, second) %}{{ return("row(" ~ first ~ ", " ~ second ~ ")") }}{% endmacro %}


{# The period's number, counted without gaps, so that numbers can be subtracted. #}
{% macro period_number_of(period, period_start) -%}
    {%- if period == 'month' -%}
        (extract(year from {{ period_start }}) * 12 + extract(month from {{ period_start }}))
    {%- elif period == 'week' -%}
        cast(floor({{ dbt.datediff("cast('1970-01-01' as timestamp)", period_start, 'day') }} / 7.0) as bigint)
    {%- else -%}
        {{ dbt.datediff("cast('1970-01-01' as timestamp)", period_start, period) }}
    {%- endif -%}
{%- endmacro %}


{# So many periods after a period's start; `period` is a column or a literal. #}
{% macro periods_after(period_start, count, period) -%}
    case {{ period }}
        when 'hour' then {{ period_start }} + {{ count }} * interval '1' hour
        when 'day' then {{ period_start }} + {{ count }} * interval '1' day
        when 'week' then {{ period_start }} + {{ count }} * interval '7' day
        when 'month' then {{ period_start }} + {{ count }} * interval '1' month
    end
{%- endmacro %}


{# Seconds of a period on the rolling clock, where the period stands in a column. #}
{% macro rolling_seconds(period) -%}
    case {{ period }}
        {% for name in ['hour', 'day', 'week', 'month'] -%}
        when '{{ name }}' then {{ rolling_length(name) }}
        {% endfor -%}
    end
{%- endmacro %}


{% macro rolling_length(period) %}
    {{ return({'hour': 3600, 'day': 86400, 'week': 604800, 'month': 2592000}[period]) }}
{% endmacro %}


{# The step from one period to the next, by period. #}
{% macro steps_of_periods() %}
    {{ return({'hour': "'1' hour", 'day': "'1' day", 'week': "'7' day", 'month': "'1' month"}) }}
{% endmacro %}


{# One row per name and period from a first start up to what has begun at the watermark,
   quiet periods too: (name, period, period_start). `bounds` holds (name, period,
   first_start, watermark_local_at). #}
{% macro period_spine(bounds, name) -%}
    {% for period, step in steps_of_periods().items() -%}
    select
        {{ name }},
        period,
        {{ date_spine_rows(
            'first_start', "watermark_local_at - interval '0.000001' second", step, 'period_start'
        ) }}
    from {{ bounds }}
    where
        period = '{{ period }}'
        and first_start < watermark_local_at
    {{ 'union all' if not loop.last }}
    {% endfor -%}
{%- endmacro %}


{# Days from the last Monday to a day: 0 to 6. #}
{% macro days_since_monday(timestamp) -%}
    cast({{ dbt.datediff("cast('1970-01-05' as timestamp)", timestamp, 'day') }} % 7 as integer)
{%- endmacro %}


{# The number of a weekday whose name stands in a column, Monday being 0. #}
{% macro weekday_number(name) -%}
    case {{ name }}
        {% for weekday in ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] -%}
        when '{{ weekday }}' then {{ loop.index0 }}
        {% endfor -%}
    end
{%- endmacro %}


{# Hours or days from one local time to another, wall-clock. #}
{% macro count_between(earlier, later, part) %}{{ return(dbt.datediff(earlier, later, part)) }}{% endmacro %}
