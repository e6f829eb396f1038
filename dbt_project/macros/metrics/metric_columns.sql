{# Columns that all blocks of metric SQL share. #}

{# Where an amount goes: the numerator, the denominator, or the value itself. #}
{% macro metric_amount(role, amount) -%}
    cast({{ amount if role == 'numerator' else 'null' }} as decimal(38, 6)) as numerator,
    cast({{ amount if role == 'denominator' else 'null' }} as decimal(38, 6)) as denominator,
    cast({{ amount if role == 'value' else 'null' }} as double) as value
{%- endmacro %}


{# dimension_1, dimension_2, ... with a trailing comma, or nothing. #}
{% macro dimension_names(metric, relation='') -%}
    {%- for dimension in fromjson(metric.dimensions) -%}
    {{ relation ~ '.' if relation }}dimension_{{ loop.index }},
    {% endfor -%}
{%- endmacro %}


{# The start of the hour, day, week or month around a local timestamp; weeks start as the
   settings say, or on a given day. #}
{% macro period_start_of(period, local_at, week_start=none) -%}
    {%- if period == 'week' -%}
        {{ week_starting_on(week_start, local_at) if week_start else week_start_of(local_at) }}
    {%- else -%}
        date_trunc('{{ period }}', {{ local_at }})
    {%- endif -%}
{%- endmacro %}


{# The starts of all calendar periods around a local timestamp. #}
{% macro period_starts(local_at) -%}
    {%- for period in ['hour', 'day', 'week', 'month'] -%}
    {{ period_start_of(period, local_at) }} as period_{{ period }}{{ ',\n    ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{# One grouping per period, and per period and dimension. #}
{% macro grouping_sets(metric) -%}
    {%- for period in periods_from_events(metric) -%}
    (period_{{ period }})
    {%- for dimension in fromjson(metric.dimensions) -%}
    , (period_{{ period }}, dimension_{{ loop.index }})
    {%- endfor -%}
    {{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{# Names a grouping: its period, its start, its dimension and the value of it. A missing
   value is a group of its own. #}
{% macro period_and_dimension(metric) -%}
    {%- set periods = periods_from_events(metric) -%}
    case
        {% for period in periods -%}
        when grouping(period_{{ period }}) = 0 then '{{ period }}'
        {% endfor -%}
    end as period,
    coalesce({% for period in periods %}period_{{ period }}{{ ', ' if not loop.last }}{% endfor %})
        as period_start,
    {% for column in ['dimension', 'dimension_value'] -%}
    case
        {% for dimension in fromjson(metric.dimensions) -%}
        when grouping(dimension_{{ loop.index }}) = 0
            then {{ "'" ~ dimension.name ~ "'" if column == 'dimension' else "coalesce(dimension_" ~ loop.index ~ ", '(none)')" }}
        {% endfor -%}
        {{ "when true then 'all'" }}
    end as {{ column }}{{ ',' if not loop.last }}
    {% endfor -%}
{%- endmacro %}
