{# Who came back, and in which period after the start: one row per (unit_key,
   dimension_value, cohort_start, period_number); a bracket goes by its first period. #}
{% macro returns_of_cohorts(retention, breakdown, entries) -%}
    {%- set is_bracket = retention.retention_type == 'bracket' -%}
    {%- if retention.clock == 'calendar' and not is_bracket -%}
        select
            unit_key,
            dimension_value,
            cohort_start,
            periods_later as period_number
        from ({{ returns_after_entries(retention, breakdown, entries) }}) as later
        where event_count >= {{ retention.min_occurrences }}
    {%- else -%}
        select
            unit_key,
            dimension_value,
            cohort_start,
            {{ bracket_of(retention) if is_bracket else 'periods_later' }} as period_number
        from ({{ returns_after_entries(retention, breakdown, entries) }}) as later
        {%- if is_bracket %}
        where {{ bracket_of(retention) }} is not null
        {%- endif %}
        group by 1, 2, 3, 4
        having sum(event_count) >= {{ retention.min_occurrences }}
    {%- endif -%}
{%- endmacro %}


{# Returning events and how many periods after the entry they lie, at least one. By the
   calendar one row per period, on the rolling clock one per instant. #}
{% macro returns_after_entries(retention, breakdown, entries) -%}
    {%- set is_calendar = retention.clock == 'calendar' -%}
    {%- set periods_later = 'returns.return_number - entries.cohort_number' if is_calendar
        else whole_periods_between(
            'entries.entered_at', 'returns.returned_at', rolling_length(retention.period)
        ) -%}
    select
        entries.unit_key,
        entries.dimension_value,
        entries.cohort_start,
        {{ periods_later }} as periods_later,
        returns.event_count
    from ({{ returns_by_period(retention, breakdown) if is_calendar
        else returns_by_instant(retention, breakdown) }}) as returns
    inner join {{ entries }} as entries
        on
            returns.unit_key = entries.unit_key
            {% if breakdown.matches_value -%}
            and returns.group_value = entries.dimension_value
            {% endif -%}
            and {{ lies_in_grid(retention, periods_later) }}
{%- endmacro %}


{# The condition that a grid tells of the period so many after the start. #}
{% macro lies_in_grid(retention, periods_later) -%}
    {%- set furthest = periods_of(retention) | map(attribute='last_period_number') | max -%}
    {{ periods_later }} >= 1
    {%- if retention.retention_type != 'unbounded' %}
    and {{ periods_later }} <= {{ furthest or 0 }}
    {%- endif %}
{%- endmacro %}


{# Returns by the calendar. Where one event is enough they are not added up, and where no
   value has to match it is no key: a text costs as one even so. #}
{% macro returns_by_period(retention, breakdown) -%}
    {%- set counts_events = retention.min_occurrences > 1 or retention.retention_type == 'bracket' -%}
    select
        unit_key,
        {{ 'group_value,' if breakdown.matches_value }}
        return_number,
        {{ 'sum(event_count)' if counts_events else '1' }} as event_count
    from ({{ numbered_returns(retention, breakdown) }}) as days
    group by
        unit_key,
        return_number
        {{- ', group_value' if breakdown.matches_value }}
{%- endmacro %}


{# Rows of returns by the calendar, each with the number of the period it lies in. #}
{% macro numbered_returns(retention, breakdown) -%}
    select
        unit_key,
        group_value,
        {{ period_number_of(
            retention.period, period_start_of(retention.period, 'bucket_at', retention.week_start)
        ) }} as return_number,
        event_count
    from {{ ref('int_cohort_days') }}
    where
        series_id = '{{ series_id(breakdown.returns) }}'
        and {{ lies_from('bucket_at', changed_period_start(retention, retention.period)) }}
        {{ before_watermark(retention) }}
{%- endmacro %}


{% macro returns_by_instant(retention, breakdown) -%}
    select
        unit_key,
        group_value,
        bucket_at as returned_at,
        event_count
    from {{ ref('int_cohort_days') }}
    where
        series_id = '{{ series_id(breakdown.returns) }}'
        {{ before_watermark(retention) }}
{%- endmacro %}


{# Where all later returns count, what lies behind the watermark must not: it has not
   happened yet. #}
{% macro before_watermark(retention) -%}
    {%- if retention.retention_type == 'unbounded' -%}
        and bucket_at < (
            select {{ local_time_in('watermark_at', retention.timezone)
                if retention.clock == 'calendar' else 'watermark_at' }}
            from {{ ref('int_watermark') }}
        )
    {%- endif -%}
{%- endmacro %}


{# The first period of the bracket that a period lies in, null where it lies in none. #}
{% macro bracket_of(retention) -%}
    case
        {% for bracket in periods_of(retention) if bracket.period_number > 0 -%}
        when periods_later between {{ bracket.period_number }} and {{ bracket.last_period_number }}
            then {{ bracket.period_number }}
        {% endfor -%}
    end
{%- endmacro %}
