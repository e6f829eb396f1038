{# The rows of a relation, each told of the rows before and after it that have the same
   owner, in the order of `instant`. `before` and `after` give columns of the neighbours
   by the names under which they are told; null stands for no neighbour.

   DuckDB sorts once and lets the rows stream by, which takes half of what windows by owner
   take; where the rows `are_sorted`, only the stream. That they came in order is seen row
   by row. #}
{% macro with_neighbours(relation, owner, instant, before={}, after={}, are_sorted=false) %}
    {{ return(adapter.dispatch('with_neighbours')(relation, owner, instant, before, after, are_sorted)) }}
{% endmacro %}

{% macro default__with_neighbours(relation, owner, instant, before, after, are_sorted) -%}
    {%- set in_order = 'partition by ' ~ owner ~ ' order by ' ~ instant -%}
    select
        *
        {%- for name, column in before.items() %},
        lag({{ column }}) over ({{ in_order }}) as {{ name }}
        {%- endfor %}
        {%- for name, column in after.items() %},
        lead({{ column }}) over ({{ in_order }}) as {{ name }}
        {%- endfor %}
    from {{ relation }}
{%- endmacro %}

{% macro duckdb__with_neighbours(relation, owner, instant, before, after, are_sorted) -%}
    select
        * exclude (
            owner_before, instant_before, owner_after, instant_after
            {%- for name in before %}, before_{{ name }}{% endfor %}
            {%- for name in after %}, after_{{ name }}{% endfor %}
        )
        {%- for name in before %},
        case
            when owner_before = {{ owner }} and instant_before < {{ instant }} then before_{{ name }}
            when owner_before >= {{ owner }} then error('rows of {{ owner }} came out of order')
        end as {{ name }}
        {%- endfor %}
        {%- for name in after %},
        case
            when owner_after = {{ owner }} and instant_after > {{ instant }} then after_{{ name }}
            when owner_after <= {{ owner }} then error('rows of {{ owner }} came out of order')
        end as {{ name }}
        {%- endfor %}
    from (
        select
            *,
            lag({{ owner }}) over () as owner_before,
            lag({{ instant }}) over () as instant_before,
            lead({{ owner }}) over () as owner_after,
            lead({{ instant }}) over () as instant_after
            {%- for name, column in before.items() %},
            lag({{ column }}) over () as before_{{ name }}
            {%- endfor %}
            {%- for name, column in after.items() %},
            lead({{ column }}) over () as after_{{ name }}
            {%- endfor %}
        from
            {% if are_sorted -%}
            {{ relation }}
            {%- else -%}
            (select * from {{ relation }} order by {{ owner }}, {{ instant }}) as in_order
            {%- endif %}
    ) as told
{%- endmacro %}
