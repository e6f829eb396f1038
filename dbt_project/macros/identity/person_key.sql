{# A number for the id of a person: 60 bits of its MD5, the same on each engine and in
   each version of one. Joins and groups by it cost a third of those by texts. That two
   persons share one has the chance of 1 in 2 million at a million persons;
   `int_person_keys` is tested for it, and another salt ends it. #}
{% macro person_key(person_id) %}
    {%- set salt = var('person_key_salt') -%}
    {%- set salted = "'" ~ salt ~ "' || " ~ person_id if salt else person_id -%}
    {{ return(adapter.dispatch('person_key')(salted)) }}
{% endmacro %}
{% macro default__person_key(text) -%}
    cast(conv(substring(md5({{ text }}), 1, 15), 16, 10) as bigint)
{%- endmacro %}
{% macro duckdb__person_key(text) -%}
    cast('0x' || substring(md5({{ text }}), 1, 15) as bigint)
{%- endmacro %}
