{# A model of many generated blocks, one per declared definition: in one statement the
   engine holds the intermediate results of all of them in memory until the last is
   done (eight funnels over ten million events spilled, 105 s; one after another 21 s; the
   series of cohorts over 28 million did not fit into 3 GB). #}

{# Stands between the blocks of such a model, each a whole select, the first of which
   gives the types. Anywhere else but in a table that is being made, one union. #}
{% macro union_all_apart() -%}
    union all -- a statement of its own
{%- endmacro %}


{# The engine's own way to make a table, and one insert for each further block. #}
{% macro duckdb__create_table_as(
    temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none
) -%}
    {%- set blocks = compiled_code.split(union_all_apart()) if is_made_block_by_block(language) else [compiled_code] -%}
    {{ dbt.duckdb__create_table_as(
        temporary, relation, blocks[0], language, partitioned_by, sorted_by
    ) }}
    {%- for block in blocks[1:] %};
    insert into {{ relation.include(database=(not temporary), schema=(not temporary)) }}
    {{ block }}
    {%- endfor %}
{%- endmacro %}


{# A unit test wraps its model in a query of its own. #}
{% macro is_made_block_by_block(language) -%}
    {{ return(language == 'sql' and config.get('materialized') != 'unit') }}
{%- endmacro %}
