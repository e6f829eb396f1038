{# A list of texts as a SQL list of literals; never empty, because `in ()` is no SQL. #}
{% macro sql_list(texts) -%}
    (
        {%- for text in texts -%}
            '{{ text | replace("'", "''") }}'{{ ', ' if not loop.last }}
        {%- else -%}
            null
        {%- endfor -%}
    )
{%- endmacro %}


{# Names, separated by commas. #}
{% macro listed(names) %}{{ return(names | join(', ')) }}{% endmacro %}
