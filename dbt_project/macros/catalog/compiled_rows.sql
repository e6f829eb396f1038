{# The rows of a table of the compiled catalog, one mapping each, which callers may add to.
   A table is read once in a run of dbt, during which it stands still: its settings alone
   were asked for 900 times.
   `graph` outlives a run where a process starts several, so it says of which one. #}
{% macro compiled_rows(table, order_by) %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% if graph.get('compiled_rows_of_run') != invocation_id %}
        {% do graph.update({'compiled_rows_of_run': invocation_id, 'compiled_rows': {}}) %}
    {% endif %}
    {% set query = "select * from " ~ source('raw', table) ~ " order by " ~ order_by %}
    {% if query not in graph['compiled_rows'] %}
        {% do graph['compiled_rows'].update({query: run_query(query).rows}) %}
    {% endif %}
    {% set found = [] %}
    {% for row in graph['compiled_rows'][query] %}{% do found.append(row.dict()) %}{% endfor %}
    {{ return(found) }}
{% endmacro %}
