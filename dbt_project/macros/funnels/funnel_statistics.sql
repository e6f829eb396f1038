{# Mean, median and 90th percentile of seconds. The mean is taken of exact decimals: a
   sum of floating numbers depends on the order in which rows happen to lie. #}
{% macro time_statistics(seconds, prefix='') -%}
    cast(sum(cast({{ seconds }} as decimal(18, 6))) as double) / nullif(count({{ seconds }}), 0)
        as {{ prefix }}mean_seconds,
    {{ percentile_of(seconds, 0.5) }} as {{ prefix }}median_seconds,
    {{ percentile_of(seconds, 0.9) }} as {{ prefix }}p90_seconds
{%- endmacro %}


{# A figure of a cell whose windows have closed; null before. #}
{% macro if_mature(figure) -%}
    case when every_cell.is_mature then {{ figure }} end
{%- endmacro %}
