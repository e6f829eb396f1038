{# The schema of a model is the layer or area it names, without the target's prefix,
   so that a table has one name in every environment. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
