{# Incremental strategy of the metric values: periods computed again replace theirs, and
   rows go whose declaration no longer stands (changed, or taken out of the catalog), or
   whose period the calendar no longer has: the newest event turned out to be older. #}
{% macro get_incremental_replace_metric_periods_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set computed = arguments['temp_relation'] %}
    {% set key = arguments['unique_key'] | join(', ') %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set standing = [] %}
    {% for metric in declared_metrics() %}
        {% do standing.append(declaration_of_metric(metric) ~ metric.metric_name) %}
    {% endfor %}

    delete from {{ target }}
    where
        ({{ key }}) in (select ({{ key }}) from {{ computed }})
        or declaration || metric_name not in {{ sql_list(standing) }}
        {%- for period in ['hour', 'day', 'week', 'month'] %}
        or (
            period = '{{ period }}'
            and date_trunc('day', period_start) not in (
                select {{ 'day' if period == 'hour' else period }}_start
                from {{ ref('int_calendar_days') }}
            )
        )
        {%- endfor %};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ computed }}
{% endmacro %}
