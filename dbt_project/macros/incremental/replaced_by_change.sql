{# The incremental strategy of models whose changed keys are known beforehand. Spark
   overwrites the partitions that come back. #}
{% macro replaced_by_change() %}
    {{ return('insert_overwrite' if target.type == 'spark' else 'replace_changed') }}
{% endmacro %}


{# Partition columns where the engine overwrites by partition. #}
{% macro partitions(columns) %}
    {{ return(columns if target.type == 'spark' else none) }}
{% endmacro %}
