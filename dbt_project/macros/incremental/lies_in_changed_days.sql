{# The condition that a UTC day changed since a mark, or lies next to one that did. The
   days are written out, because an engine skips what it can compare with literals: a
   night with nothing new read 10 million property texts for 5 s to find no day.
   `values` is the macro that lists the days. #}
{% macro lies_in_changed_days(column, mark, days_around=0, values='changed_days_since') -%}
    {%- set query -%}
        select distinct cast(changed.event_date + shift.offset_days as {{ dbt.type_string() }})
        from ({{ context[values](mark) }}) as changed
        cross join {{ numbers_between(-days_around, days_around) }} as shift (offset_days)
        order by 1
    {%- endset -%}
    {%- set days = run_query(query).columns[0].values() if execute else [] -%}
    {%- if days -%}
        {{ column }} in ({% for day in days %}date '{{ day[:10] }}'{{ ', ' if not loop.last }}{% endfor %})
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}
