{# The funnels of the compiled catalog, one mapping each, in order of name; what their
   attempts are computed from is under `plan`, the name of their declaration (what changes
   figures is in it) under `declaration`. #}
{% macro declared_funnels() %}
    {% set funnels = compiled_rows('catalog_funnels', 'funnel_name') %}
    {% set settings = declared_settings() %}
    {% for funnel in funnels %}
        {% do funnel.update({
            'plan': fromjson(funnel.plan),
            'zone': settings['reporting_timezone'],
            'declaration': local_md5([
                funnel.definition_hash,
                settings['reporting_timezone'],
                settings['event_rules_hash'],
                settings['sessions_hash'] if funnel.counting == 'sessions' else ''
            ] | join('|'))
        }) %}
    {% endfor %}
    {{ return(funnels) }}
{% endmacro %}


{# Local time of the reporting zone, without asking for it again. #}
{% macro local_time_of_funnel(funnel, timestamp) -%}
    {%- if funnel.zone in (none, 'UTC') or funnel.zone is undefined -%}
        {{ timestamp }}
    {%- else -%}
        {{ adapter.dispatch('to_local_time')(timestamp, funnel.zone) }}
    {%- endif -%}
{%- endmacro %}


{# Whether one event may change attempts however far away: who was first, what a person
   is, which attempts come one after another, which session an event lies in, or a window
   of more than a year. Then all history is computed whenever a day changed. #}
{% macro reads_all_history(funnel) -%}
    {{ return(
        funnel.uses_person_properties
        or funnel.entry_mode == 'first'
        or funnel.counting in ('totals', 'sessions')
        or funnel.window_seconds > 366 * 86400
        or funnel.plan.steps | map(attribute='first_of') | select('string') | list | length > 0
    ) }}
{%- endmacro %}


{# What an attempt must have in common: the unit that is counted, what is held constant
   and, where a breakdown splits the events, its value. #}
{% macro track_columns(funnel, breakdown=none) -%}
    {%- set columns = ['unit_key'] -%}
    {%- for expression in funnel.plan.hold_constant -%}
        {%- do columns.append('held_' ~ loop.index) -%}
    {%- endfor -%}
    {%- if breakdown -%}{%- do columns.append('breakdown_value') -%}{%- endif -%}
    {{ return(columns) }}
{%- endmacro %}


{% macro same_track(track, left, right) -%}
    {%- for column in track -%}
    {{ left }}.{{ column }} = {{ right }}.{{ column }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{# Breakdowns whose groups are funnels of their own: the value restricts the events. #}
{% macro splitting_breakdowns(funnel) -%}
    {{ return(funnel.plan.breakdowns | selectattr('attribution', 'in', ['step', 'all_events']) | list) }}
{%- endmacro %}


{# Breakdowns by a value that a person has once for all attempts. #}
{% macro touch_breakdowns(funnel) -%}
    {{ return(funnel.plan.breakdowns | selectattr('attribution', 'in', ['first_touch', 'last_touch']) | list) }}
{%- endmacro %}


{# The group of an event: the text of its value, or of its values, null where none is
   known. #}
{% macro group_value(breakdown) -%}
    {%- if breakdown.by | length == 1 -%}
        {{ breakdown.by[0] }}
    {%- else -%}
        case
            when coalesce({{ breakdown.by | join(', ') }}) is not null
                then {{ json_list_of(breakdown.by) }}
        end
    {%- endif -%}
{%- endmacro %}
