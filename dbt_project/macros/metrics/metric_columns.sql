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


{# The starts of the periods around a local timestamp that a metric takes from events. #}
{% macro period_starts(metric, local_at) -%}
    {%- for period in periods_from_events(metric) -%}
    {{ period_start_of(period, local_at) }} as period_{{ period }}{{ ',\n    ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{# The figures of events by period, and by period and dimension: of the events that the
   caller gives, with the starts of their periods. A night reads a month for the month's
   figure, and counts of it for days and weeks only those that it computes. #}
{% macro figures_by_period(metric, amounts, days) -%}
    select * from (
        with in_periods as {{ computed_once() }} (

            {{ caller() }}

        )

        {% for period in periods_from_events(metric) -%}
        select
            '{{ period }}' as period,
            period_{{ period }} as period_start,
            {{ named_dimension(metric) }},
            {{ amounts }}
        from in_periods
        {% if days is not none -%}
        where
            {{ 'cast(period_hour as date)' if period == 'hour' else 'period_' ~ period }} in (
                select period_start
                from {{ metric.metric_name }}__periods
                where period = '{{ 'day' if period == 'hour' else period }}'
            )
        {% endif -%}
        group by grouping sets ({{ grouping_sets(metric, period) }})
        {{ 'union all' if not loop.last }}
        {% endfor %}
    ) as by_period
{%- endmacro %}


{# One grouping of a period, and one by each dimension. #}
{% macro grouping_sets(metric, period) -%}
    (period_{{ period }})
    {%- for dimension in fromjson(metric.dimensions) -%}
    , (period_{{ period }}, dimension_{{ loop.index }})
    {%- endfor -%}
{%- endmacro %}


{# Names a grouping: its dimension and the value of it. A missing value is a group of its
   own. #}
{% macro named_dimension(metric) -%}
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
