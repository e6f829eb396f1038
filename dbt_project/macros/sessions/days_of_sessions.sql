{# The days on which sessions that start on given days have events; none means all. #}
{% macro days_of_sessions(starts) -%}
    {{ return(starts if starts is none else changed_dates(
        'select event_date from ' ~ ref('int_session_days')
        ~ ' where ' ~ lies_on('session_start_date', starts), 'event_date'
    )) }}
{%- endmacro %}
