{# What changed since a mark, as queries of one column. A mark of '' means everything. #}

{# UTC days whose events changed. #}
{% macro changed_days_since(mark) -%}
    select event_date
    from {{ ref('int_event_days') }}
    where last_load_id > '{{ mark }}'
{%- endmacro %}


{# UTC days of which the lake holds new copies of events. A day that has expired there
   (`daybreak retain`) is not among them: what was built from it could not be built again. #}
{% macro landed_days_since(mark) -%}
    select distinct event_date
    from {{ ref('stg_events') }}
    where load_id > '{{ mark }}'
{%- endmacro %}


{# Local days, of the reporting zone unless another is given, that changed UTC days touch:
   a UTC day lies on two. #}
{% macro changed_local_days_since(mark, zone=none) -%}
    {%- set zone = zone or setting('reporting_timezone') -%}
    select cast({{ local_time_in('cast(event_date as timestamp)', zone) }} as date) as activity_date
    from ({{ changed_days_since(mark) }}) as day_starts
    union
    select
        cast({{ local_time_in("cast(event_date as timestamp) + interval '86399' second", zone) }} as date)
            as activity_date
    from ({{ changed_days_since(mark) }}) as day_ends
{%- endmacro %}


{# Days on which sessions start that may have changed. A session that vanished had its
   first event on a day of a visit that was placed again. #}
{% macro changed_session_days_since(mark) -%}
    select session_start_date
    from {{ ref('int_session_days') }}
    where built_through_load_id > '{{ mark }}'
    union
    select event_date as session_start_date
    from {{ ref('int_session_days') }}
    where built_through_load_id > '{{ mark }}'
    union
    {{ changed_days_since(mark) }}
{%- endmacro %}


{# UTC days with events of persons who are something else than they were. #}
{% macro days_of_changed_persons_since(mark) -%}
    select distinct event_date
    from {{ ref('int_events') }}
    where
        person_id in (
            select person_id
            from {{ ref('int_person_properties') }}
            where changed_by_load_id > '{{ mark }}'
        )
{%- endmacro %}


{# Days on which sessions start that such a person may have an event in. #}
{% macro session_days_of_changed_persons_since(mark) -%}
    select session_start_date
    from {{ ref('int_session_days') }}
    where event_date in ({{ days_of_changed_persons_since(mark) }})
{%- endmacro %}


{# The newest load that the models upstream have taken in: what they make of events, or
   of what has landed before it is known whose it is (`int_landed_days`). #}
{% macro newest_load(days='int_event_days') -%}
    (select max(last_load_id) from {{ ref(days) }})
{%- endmacro %}


{# Days, weeks and months, as text keys, that hold a changed local day, also of days that
   the calendar has no longer. #}
{% macro changed_periods_since(mark) -%}
    {% for period in ['day', 'week', 'month'] -%}
    select {{ period_key("'" ~ period ~ "'", period_start_of(period, 'cast(activity_date as timestamp)')) }} as period_key
    from ({{ changed_local_days_since(mark) }}) as changed
    {{ 'union' if not loop.last }}
    {% endfor -%}
{%- endmacro %}


{% macro period_key(period, period_start) -%}
    {{ period }} || ' ' || cast(cast({{ period_start }} as date) as {{ dbt.type_string() }})
{%- endmacro %}
