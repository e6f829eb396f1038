{# The SQL of one retention definition and one breakdown (or the total): how many are in
   each cohort, and how many of them came back. Every block yields (retention_name,
   dimension, dimension_value, cohort_start, period_number, person_count); number 0 is
   the cohort. `entries` is the relation that `entries_of_cohorts` made. #}
{% macro retention_counts(retention, breakdown, entries) -%}
    select
        '{{ retention.retention_name }}' as retention_name,
        '{{ breakdown.dimension }}' as dimension,
        dimension_value,
        cohort_start,
        cast(period_number as integer) as period_number,
        cast(person_count as bigint) as person_count
    from (
        select
            dimension_value,
            cohort_start,
            0 as period_number,
            count(*) as person_count
        from {{ entries }}
        group by dimension_value, cohort_start
        union all
        {% if retention.retention_type == 'unbounded' -%}
        {{ returned_in_or_after(retention, breakdown, entries) }}
        {%- else -%}
        -- A total is not grouped by its one value: a text costs as a key even so.
        select
            {{ 'dimension_value' if breakdown.dimension != 'all' else "'all' as dimension_value" }},
            cohort_start,
            period_number,
            count(*) as person_count
        from ({{ returns_of_cohorts(retention, breakdown, entries) }}) as returned
        group by cohort_start, period_number {{- ', dimension_value' if breakdown.dimension != 'all' }}
        {%- endif %}
    ) as counted
{%- endmacro %}


{# Who entered which cohort: (unit_key, dimension_value, cohort_start, cohort_number,
   entered_at). A first entry is the first of all history, a recurring one the first of
   its period. #}
{% macro entries_of_cohorts(retention, breakdown) -%}
    {%- set keeps_first = breakdown.entries_keep_first -%}
    {%- set order = 'first_at' if keeps_first else 'bucket_at' -%}
    {%- set is_recurring = retention.entry_mode == 'recurring' -%}
    {%- set is_grouped = is_recurring and breakdown.matches_value -%}
    select
        unit_key,
        dimension_value,
        cohort_start,
        {{ period_number_of(retention.period, 'cohort_start') }} as cohort_number,
        entered_at
    from (
        select
            unit_key,
            dimension_value,
            is_entry,
            {{ entry_instant(retention) }} as entered_at,
            {{ period_start_of(retention.period, 'bucket_at', retention.week_start) }} as cohort_start
        from (
            select
                unit_key,
                {{ 'min_by(bucket_at, first_at)' if keeps_first else 'min(bucket_at)' }} as bucket_at,
                {{ 'min(first_at)' if keeps_first else 'cast(null as timestamp)' }} as first_at,
                {{ 'min_by(first_is_match, first_at)' if keeps_first else 'true' }} as is_entry,
                {{ 'group_value' if is_grouped
                    else 'min_by(group_value, first_at)' if keeps_first else "'all'" }} as dimension_value
            from {{ ref('int_cohort_days') }}
            where series_id = '{{ series_id(breakdown.entries) }}'
            group by
                unit_key
                {%- if is_recurring %},
                {{ period_start_of(retention.period, 'bucket_at', retention.week_start) }}
                {%- endif -%}
                {{ ', group_value' if is_grouped }}
        ) as firsts
    ) as placed
    where is_entry
{%- endmacro %}


{# When the rolling clock of an entry starts. Hours begin in the zone: some zones lie
   half an hour off UTC. #}
{% macro entry_instant(retention) -%}
    {%- if retention.clock == 'rolling_from_hour' -%}
        {%- set local_at = local_time_in('first_at', retention.timezone) -%}
        first_at - ({{ local_at }} - date_trunc('hour', {{ local_at }}))
    {%- else -%}
        first_at
    {%- endif -%}
{%- endmacro %}


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
    {%- set furthest = periods_of(retention) | map(attribute='last_period_number') | max -%}
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
            and {{ periods_later }} >= 1
            {%- if retention.retention_type != 'unbounded' %}
            and {{ periods_later }} <= {{ furthest or 0 }}
            {%- endif %}
{%- endmacro %}


{# Returns by the calendar. Where one event is enough they are not added up: the weekly
   grid of 10 million events took 0.60 s of processor time with sums and text keys, 0.27 s
   without either. #}
{% macro returns_by_period(retention, breakdown) -%}
    {%- set counts_events = retention.min_occurrences > 1 or retention.retention_type == 'bracket' -%}
    select
        unit_key,
        {{ 'group_value,' if breakdown.matches_value }}
        {{ period_number_of(
            retention.period, period_start_of(retention.period, 'bucket_at', retention.week_start)
        ) }} as return_number,
        {{ 'sum(event_count)' if counts_events else '1' }} as event_count
    from {{ ref('int_cohort_days') }}
    where
        series_id = '{{ series_id(breakdown.returns) }}'
        {{ before_watermark(retention) }}
    group by
        unit_key,
        return_number
        {{- ', group_value' if breakdown.matches_value }}
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


{# Counts of who was back in a period or any later one: everyone counts up to the last
   period they were back in. #}
{% macro returned_in_or_after(retention, breakdown, entries) -%}
    select
        furthest.dimension_value,
        furthest.cohort_start,
        periods.period_number,
        sum(furthest.person_count) as person_count
    from (
        select
            dimension_value,
            cohort_start,
            furthest_number,
            count(*) as person_count
        from (
            select
                dimension_value,
                cohort_start,
                max(period_number) as furthest_number
            from ({{ returns_of_cohorts(retention, breakdown, entries) }}) as returned
            group by unit_key, dimension_value, cohort_start
        ) as by_person
        group by dimension_value, cohort_start, furthest_number
    ) as furthest
    inner join {{ ref('stg_catalog_retention_periods') }} as periods
        on
            periods.retention_name = '{{ retention.retention_name }}'
            and periods.period_number >= 1
            and periods.period_number <= furthest.furthest_number
    group by
        furthest.dimension_value,
        furthest.cohort_start,
        periods.period_number
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


{# The periods of a definition: [{period_number, last_period_number}, ...]. #}
{% macro periods_of(retention) %}
    {{ return(fromjson(retention.periods)) }}
{% endmacro %}


{% macro no_retention_counts() -%}
    select
        cast(null as {{ dbt.type_string() }}) as retention_name,
        cast(null as {{ dbt.type_string() }}) as dimension,
        cast(null as {{ dbt.type_string() }}) as dimension_value,
        cast(null as timestamp) as cohort_start,
        cast(null as integer) as period_number,
        cast(null as bigint) as person_count
    where false
{%- endmacro %}
