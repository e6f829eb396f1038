{# The books of subscriptions of the compiled catalog, one mapping each, by name. #}
{% macro declared_mrr() %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% set rows = run_query("select * from " ~ source('raw', 'catalog_mrr') ~ " order by mrr_name") %}
    {% set books = [] %}
    {% for row in rows.rows %}{% do books.append(row.dict()) %}{% endfor %}
    {{ return(books) }}
{% endmacro %}
