{# Incremental strategy of the groups of units: units just computed make way for their new
   rows; those of a declaration that no longer stands go. #}
{% macro get_incremental_replace_funnel_units_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set computed = arguments['temp_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}

    delete from {{ target }}
    where
        not {{ is_declared(declared_funnels(), 'funnel_name') }}
        or exists (
            select 1
            from {{ computed }} as computed
            where
                {% for column in arguments['unique_key'] -%}
                computed.{{ column }} = {{ target }}.{{ column }}{{ ' and ' if not loop.last }}
                {%- endfor %}
        );

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ computed }}
{% endmacro %}
