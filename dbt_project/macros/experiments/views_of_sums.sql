{# From cells to the views of an experiment: what stood at the end of each day. #}

{% macro series_names() %}
    {{ return(['experiment_name', 'metric_name', 'is_capped', 'dimension', 'dimension_value', 'variant']) }}
{% endmacro %}


{# Columns of a relation. #}
{% macro columns_of(relation, names) -%}
    {% for name in names -%}
    {{ relation }}.{{ name }}{{ ', ' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{# The condition that two relations agree in some columns. #}
{% macro agree_in(left, right, names) -%}
    {% for name in names -%}
    {{ left }}.{{ name }} = {{ right }}.{{ name }}{{ ' and ' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{# A sum, and a sum of products, of values from which constants were taken: exact in
   decimals, and rounded once. #}
{% macro shifted_sum(name) -%}
    cast(sums.{{ name }} - sums.unit_count * shifts.{{ name }} as double)
{%- endmacro %}

{% macro shifted_product(left, right) -%}
    cast(
        sums.{{ left }}{{ right }}
        - {{ exact_product('shifts.' ~ left, 'sums.' ~ right) }}
        - {{ exact_product('shifts.' ~ right, 'sums.' ~ left) }}
        + sums.unit_count * {{ exact_product('shifts.' ~ left, 'shifts.' ~ right) }}
        as double
    )
{%- endmacro %}
