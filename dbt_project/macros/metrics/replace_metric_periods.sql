{# Incremental strategy of the metric values: periods computed again replace theirs, and
   rows of a declaration that no longer stands (changed, or taken out of the catalog)
   go. #}
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
        or declaration || metric_name not in {{ sql_list(standing) }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ computed }}
{% endmacro %}
