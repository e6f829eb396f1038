{# JSON beyond the text of one known key; columns hold JSON as text. #}

{% macro json_object_text(column, key) %}{{ return(adapter.dispatch('json_object_text')(column, key)) }}{% endmacro %}
{% macro default__json_object_text(column, key) %}
    {{ return("get_json_object(" ~ column ~ ", '$[''" ~ key ~ "'']')") }}
{% endmacro %}
{% macro duckdb__json_object_text(column, key) %}
    {{ return("try(cast(json_extract(" ~ column ~ ", '$.\"" ~ key ~ "\"') as varchar))") }}
{% endmacro %}


{# One row per top-level key. #}
{% macro json_keys(column) %}{{ return(adapter.dispatch('json_keys')(column)) }}{% endmacro %}
{% macro default__json_keys(column) %}{{ return("explode(json_object_keys(" ~ column ~ "))") }}{% endmacro %}
{% macro duckdb__json_keys(column) %}{{ return("unnest(json_keys(" ~ column ~ "))") }}{% endmacro %}


{# The text of the top-level key that another column names. #}
{% macro json_text_of(column, key) %}{{ return(adapter.dispatch('json_text_of')(column, key)) }}{% endmacro %}
{% macro default__json_text_of(column, key) %}
    {{ return("from_json(" ~ column ~ ", 'map<string,string>')[" ~ key ~ "]") }}
{% endmacro %}
{% macro duckdb__json_text_of(column, key) %}
    {{ return("json_extract_string(" ~ column ~ ", '$.\"' || " ~ key ~ " || '\"')") }}
{% endmacro %}


{# One row per item of a JSON list of texts. #}
{% macro json_list_items(list) %}{{ return(adapter.dispatch('json_list_items')(list)) }}{% endmacro %}
{% macro default__json_list_items(list) %}{{ return("explode(from_json(" ~ list ~ ", 'array<string>'))") }}{% endmacro %}
{% macro duckdb__json_list_items(list) %}{{ return("unnest(json_extract_string(" ~ list ~ ", '$[*]'))") }}{% endmacro %}
