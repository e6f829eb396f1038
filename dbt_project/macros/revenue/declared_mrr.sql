{# The books of subscriptions of the compiled catalog, one mapping each, by name; under
   `declaration` the name of all that the events of one are read by. #}
{% macro declared_mrr() %}
    {% set found = compiled_rows('catalog_mrr', 'mrr_name') %}
    {% for book in found %}
        {% do book.update({
            'declaration': local_md5(book ~ '|' ~ setting('event_rules_hash'))
        }) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{% macro declared_mrr_of_events() %}
    {{ return(declared_mrr() | selectattr('reads_events') | list) }}
{% endmacro %}
