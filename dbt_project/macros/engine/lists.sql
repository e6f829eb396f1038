{# Lists of values in one column, and the join to the next row in time. #}

{# Each left row with the first right row that lies after it by the last condition. #}
{% macro asof_left_join() %}{{ return(adapter.dispatch('asof_left_join')()) }}{% endmacro %}
{% macro default__asof_left_join() %}
    {{ exceptions.raise_compiler_error('Funnels need a join to the next row in time, which this engine has not.') }}
{% endmacro %}
{% macro duckdb__asof_left_join() %}{{ return('asof left join') }}{% endmacro %}


{% macro list_of_columns(columns) %}{{ return(adapter.dispatch('list_of_columns')(columns)) }}{% endmacro %}
{% macro default__list_of_columns(columns) %}{{ return('array(' ~ columns | join(', ') ~ ')') }}{% endmacro %}
{% macro duckdb__list_of_columns(columns) %}{{ return('[' ~ columns | join(', ') ~ ']') }}{% endmacro %}


{# Moments in order, those that never come last. #}
{% macro sorted_moments(moments) %}{{ return(adapter.dispatch('sorted_moments')(moments)) }}{% endmacro %}
{% macro default__sorted_moments(moments) %}
    {{ return('sort_array(array_compact(' ~ list_of_columns(moments) ~ '))') }}
{% endmacro %}
{% macro duckdb__sorted_moments(moments) %}
    {{ return("list_sort(" ~ list_of_columns(moments) ~ ", 'ASC', 'NULLS LAST')") }}
{% endmacro %}


{# The first items of a list, and one item of it; items are counted from 1. #}
{% macro first_items(list, count) %}{{ return(adapter.dispatch('first_items')(list, count)) }}{% endmacro %}
{% macro default__first_items(list, count) %}{{ return('slice(' ~ list ~ ', 1, ' ~ count ~ ')') }}{% endmacro %}
{% macro duckdb__first_items(list, count) %}{{ return(list ~ '[1:' ~ count ~ ']') }}{% endmacro %}


{% macro item_of(list, position) %}{{ return(adapter.dispatch('item_of')(list, position)) }}{% endmacro %}
{% macro default__item_of(list, position) %}{{ return('try_element_at(' ~ list ~ ', ' ~ position ~ ')') }}{% endmacro %}
{% macro duckdb__item_of(list, position) %}{{ return(list ~ '[' ~ position ~ ']') }}{% endmacro %}


{# The JSON text of a list of texts, null for those that are missing. #}
{% macro json_list_of(columns) %}{{ return(adapter.dispatch('json_list_of')(columns)) }}{% endmacro %}
{% macro default__json_list_of(columns) %}{{ return("to_json(array(" ~ columns | join(', ') ~ "), map('ignoreNullFields', 'false'))") }}{% endmacro %}
{% macro duckdb__json_list_of(columns) %}{{ return('cast(to_json([' ~ columns | join(', ') ~ ']) as varchar)') }}{% endmacro %}


{# The JSON text of a list column. #}
{% macro json_text_of_list(list) %}{{ return(adapter.dispatch('json_text_of_list')(list)) }}{% endmacro %}
{% macro default__json_text_of_list(list) %}{{ return('to_json(' ~ list ~ ')') }}{% endmacro %}
{% macro duckdb__json_text_of_list(list) %}{{ return('cast(to_json(' ~ list ~ ') as varchar)') }}{% endmacro %}


{% macro empty_list_of_timestamps() %}{{ return(adapter.dispatch('empty_list_of_timestamps')()) }}{% endmacro %}
{% macro default__empty_list_of_timestamps() %}{{ return('cast(null as array<timestamp>)') }}{% endmacro %}
{% macro duckdb__empty_list_of_timestamps() %}{{ return('cast(null as timestamp[])') }}{% endmacro %}


{% macro length_of(list) %}{{ return(adapter.dispatch('length_of')(list)) }}{% endmacro %}
{% macro default__length_of(list) %}{{ return('size(' ~ list ~ ')') }}{% endmacro %}
{% macro duckdb__length_of(list) %}{{ return('len(' ~ list ~ ')') }}{% endmacro %}


{# Texts joined in an order, those that are null left out; null where there is none. #}
{% macro text_in_order(text, separator, order_by) %}{{ return(adapter.dispatch('text_in_order')(text, separator, order_by)) }}{% endmacro %}
{% macro default__text_in_order(text, separator, order_by) %}
    {{ return("nullif(array_join(transform(array_sort(collect_list(case when " ~ text ~ " is not null then struct(" ~ order_by ~ " as place, " ~ text ~ " as text) end)), one -> one.text), " ~ separator ~ "), '')") }}
{% endmacro %}
{% macro duckdb__text_in_order(text, separator, order_by) %}
    {{ return("string_agg(" ~ text ~ ", " ~ separator ~ " order by " ~ order_by ~ ")") }}
{% endmacro %}
{% macro empty_list_of_texts() %}{{ return(adapter.dispatch('empty_list_of_texts')()) }}{% endmacro %}
{% macro default__empty_list_of_texts() %}{{ return('cast(null as array<string>)') }}{% endmacro %}
{% macro duckdb__empty_list_of_texts() %}{{ return('cast(null as varchar[])') }}{% endmacro %}


{# The items of a list that are not missing. #}
{% macro known_items(list) %}{{ return(adapter.dispatch('known_items')(list)) }}{% endmacro %}
{% macro default__known_items(list) %}{{ return('array_compact(' ~ list ~ ')') }}{% endmacro %}
{% macro duckdb__known_items(list) %}{{ return('list_filter(' ~ list ~ ', lambda item: item is not null)') }}{% endmacro %}


{% macro empty_list_of_numbers() %}{{ return(adapter.dispatch('empty_list_of_numbers')()) }}{% endmacro %}
{% macro default__empty_list_of_numbers() %}{{ return('cast(null as array<double>)') }}{% endmacro %}
{% macro duckdb__empty_list_of_numbers() %}{{ return('cast(null as double[])') }}{% endmacro %}
