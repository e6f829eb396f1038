{# How a table of rows by declared definition knows what it was computed from. Its rows
   carry the name of the definition and, under `declaration`, that of its meaning. #}

{# The declaration that the rows of each definition of a table were computed under. #}
{% macro declarations_by(key, relation) %}
    {%- set rows = run_query(
        'select ' ~ key ~ ', max(declaration) from ' ~ relation ~ ' group by ' ~ key
    ) -%}
    {%- set known = {} -%}
    {%- for row in rows.rows -%}{%- do known.update({row[0]: row[1]}) -%}{%- endfor -%}
    {{ return(known) }}
{% endmacro %}


{# The condition that a row was computed under a declaration that stands. Its two texts are
   compared one by one: to join them for each of 17 million rows took 0.5 s. #}
{% macro is_declared(definitions, key) -%}
    coalesce(
        {%- for definition in definitions %}
        ({{ key }} = '{{ definition[key] }}' and declaration = '{{ definition.declaration }}') or
        {%- endfor %}
        false,
        false
    )
{%- endmacro %}


{# The condition that a row is among those to compute: `days` gives, by definition, a list
   of days or `all`. #}
{% macro lies_in_days_of(days, key, column) -%}
    (
        false
        {% for name, listed in days.items() -%}
        or (
            {{ key }} = '{{ name }}'
            {% if listed != 'all' -%}
            and {{ column }} in ({{ date_literals(listed) }})
            {%- endif %}
        )
        {% endfor -%}
    )
{%- endmacro %}


{# The dates that a query gives, as ISO texts in order. #}
{% macro changed_dates(query, column) -%}
    {{ return(run_query(
        'select distinct cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ ') from ('
        ~ query ~ ') as changed order by 1'
    ).columns[0].values() | map('truncate', 10, true, '', 0) | list) }}
{%- endmacro %}


{# Days, and those up to some days before and after each of them. #}
{% macro days_around(days, before, after) -%}
    {%- set found = {} -%}
    {%- for day in days -%}
        {%- set start = modules.datetime.date.fromisoformat(day[:10]) -%}
        {%- for shift in range(-before, after + 1) -%}
            {%- do found.update({(start + modules.datetime.timedelta(days=shift)).isoformat(): true}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found.keys() | sort) }}
{%- endmacro %}


{# The UTC days that hold the periods that start on some days, and days after them, of which
   none means all. #}
{% macro days_of_periods(period, starts, days_after=0) %}
    {% set length = {'day': 1, 'week': 7, 'month': 31}[period] %}
    {{ return(none if starts is none else days_around(starts, 1, length + days_after)) }}
{% endmacro %}


{# The condition that a day is one of a list, of which none means every day. They are
   written out, because an engine skips what it can compare with literals. #}
{% macro lies_on(column, days) -%}
    {%- if days is none -%}
    true
    {%- elif days -%}
    {{ column }} in ({{ date_literals(days) }})
    {%- else -%}
    false
    {%- endif -%}
{%- endmacro %}


{% macro date_literals(days) -%}
    {% for day in days %}date '{{ day }}'{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}
