{# The first (last) value that is not null, in the order of a column unique in the group. #}
{% macro first_known(column, order_by='event_order') -%}
    min_by({{ column }}, case when {{ column }} is not null then {{ order_by }} end)
{%- endmacro %}

{% macro last_known(column, order_by='event_order') -%}
    max_by({{ column }}, case when {{ column }} is not null then {{ order_by }} end)
{%- endmacro %}
