{# Which experiments may share units. #}

{# Whether two experiments past their draft have units of one kind. #}
{% macro some_experiments_may_overlap() %}
    {% set units = declared_experiments() | map(attribute='unit_sql') | list %}
    {{ return(units | length > units | unique | list | length) }}
{% endmacro %}


{% macro no_overlaps() -%}
    select
        cast(null as {{ dbt.type_string() }}) as experiment_name,
        cast(null as {{ dbt.type_string() }}) as other_experiment_name,
        cast(null as {{ dbt.type_string() }}) as metric_name,
        cast(null as boolean) as is_capped,
        cast(null as {{ dbt.type_string() }}) as variant,
        cast(null as {{ dbt.type_string() }}) as other_variant,
        cast(null as date) as day_date,
        cast(null as {{ dbt.type_string() }}) as metric_kind,
        cast(null as bigint) as unit_count,
        {% for name in overlap_figures() -%}
        cast(null as double) as {{ name }},
        {% endfor -%}
        cast(null as timestamp) as data_complete_through
    where false
{%- endmacro %}


{% macro overlap_figures() %}
    {{ return(['shift_y', 'shift_d', 'y', 'd', 'yy', 'yd', 'dd']) }}
{% endmacro %}
