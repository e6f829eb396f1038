{#
    The condition, for `qualify`, of the one copy of each key that counts: the newest by
    the row's own version, then by load, file name and line. With first=true, the
    oldest. Null is a value of a key like any other.
#}
{% macro newest_copy(key, version, first=false) %}
    {%- set direction = 'asc' if first else 'desc' -%}
    row_number() over (
        partition by {{ key | join(', ') }}
        order by
            {{ version }} {{ direction }} nulls last,
            load_id {{ direction }},
            file {{ direction }},
            line_number {{ direction }}
    ) = 1
{%- endmacro %}
