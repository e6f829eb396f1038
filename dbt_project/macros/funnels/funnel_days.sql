{# Which days of entry of a funnel are computed in a run, and which are read for them. #}

{# The declaration each funnel of a table was computed under. #}
{% macro funnel_declarations_in(relation) -%}
    {%- set rows = run_query(
        'select funnel_name, max(declaration) from ' ~ relation ~ ' group by funnel_name'
    ) -%}
    {%- set known = {} -%}
    {%- for row in rows.rows -%}{%- do known.update({row[0]: row[1]}) -%}{%- endfor -%}
    {{ return(known) }}
{%- endmacro %}


{# The local days whose figures a run computes, by funnel: `all` where the declaration
   is new or one event may reach far, else the changed days and, for attempts, those
   before them that lie within the window. A funnel without such a day is left out. #}
{% macro funnel_days_to_compute(known_declarations, mark, with_window=true) -%}
    {%- if not execute -%}{{ return({}) }}{%- endif -%}
    {%- set changed = run_query(
        'select distinct cast(activity_date as ' ~ dbt.type_string() ~ ') from ('
        ~ changed_local_days_since(mark) ~ ') as changed order by 1'
    ).columns[0].values() if known_declarations else [] -%}
    {%- set days = {} -%}
    {%- for funnel in declared_funnels() -%}
        {%- set is_new = known_declarations.get(funnel.funnel_name) != funnel.declaration -%}
        {%- if is_new or (changed and reads_all_history(funnel)) -%}
            {%- do days.update({funnel.funnel_name: 'all'}) -%}
        {%- elif changed -%}
            {%- set back = window_days(funnel) if with_window else 0 -%}
            {%- do days.update({funnel.funnel_name: days_around(changed, back, 0)}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(days) }}
{%- endmacro %}


{# Local days that an attempt may span beside the day of its entry. #}
{% macro window_days(funnel) -%}
    {{ return((funnel.window_seconds | int) // 86400 + 1) }}
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


{% macro date_literals(days) -%}
    {% for day in days %}date '{{ day }}'{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}


{# The condition that an event may be an entry that this run computes. #}
{% macro is_computed_entry(funnel, days) -%}
    {%- set conditions = [] -%}
    {%- if funnel.range_from is not none -%}
        {%- do conditions.append(local_time_of_funnel(funnel, 'occurred_at') ~ " >= timestamp '" ~ funnel.range_from ~ "'") -%}
    {%- endif -%}
    {%- if funnel.range_to is not none -%}
        {%- do conditions.append(local_time_of_funnel(funnel, 'occurred_at') ~ " < timestamp '" ~ funnel.range_to ~ "'") -%}
    {%- endif -%}
    {%- if days != 'all' -%}
        {%- do conditions.append('cast(' ~ local_time_of_funnel(funnel, 'occurred_at') ~ ' as date) in (' ~ date_literals(days) ~ ')') -%}
    {%- endif -%}
    {{ conditions | join('\n            and ') or 'true' }}
{%- endmacro %}
