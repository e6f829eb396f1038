{# The first instant of the week of a local timestamp. Weeks are cut on dates, never
   by week number; the weekday a week starts on is a setting. #}
{% macro week_start_of(timestamp) -%}
    {{ week_starting_on(setting('week_start'), timestamp) }}
{%- endmacro %}


{% macro week_starting_on(weekday, timestamp) -%}
    {%- set weekdays = [
        'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'
    ] -%}
    {%- set shift = weekdays.index(weekday) -%}
    {%- if shift == 0 -%}
        date_trunc('week', {{ timestamp }})
    {%- else -%}
        (
            date_trunc('week', {{ timestamp }} - interval '{{ shift }}' day)
            + interval '{{ shift }}' day
        )
    {%- endif -%}
{%- endmacro %}
