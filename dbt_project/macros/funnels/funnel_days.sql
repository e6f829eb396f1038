{# Which days of entry of a funnel are computed in a run, and which are read for them. #}

{# The local days whose figures a run computes, by funnel: `all` where the declaration
   is new or one event may reach far, else the changed days and, for attempts, those
   before them that lie within the window. A funnel without such a day is left out. #}
{% macro funnel_days_to_compute(known_declarations, mark, with_window=true) -%}
    {%- if not execute -%}{{ return({}) }}{%- endif -%}
    {%- set changed = changed_dates(changed_local_days_since(mark), 'activity_date') if known_declarations else [] -%}
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
