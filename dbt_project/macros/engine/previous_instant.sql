{# The rows of a relation, each told the instant of the row before it that has the same
   owner, null for the first; no owner has two rows of one instant.

   DuckDB sorts once and lets the rows stream by, which takes half of what windows by owner
   take. That they came in order is seen row by row. #}
{% macro with_previous_instant(relation, owner, instant, name) %}
    {{ return(adapter.dispatch('with_previous_instant')(relation, owner, instant, name)) }}
{% endmacro %}

{% macro default__with_previous_instant(relation, owner, instant, name) -%}
    select
        *,
        lag({{ instant }}) over (partition by {{ owner }} order by {{ instant }}) as {{ name }}
    from {{ relation }}
{%- endmacro %}

{% macro duckdb__with_previous_instant(relation, owner, instant, name) -%}
    select
        * exclude (owner_before, instant_before),
        case
            when owner_before = {{ owner }} and instant_before < {{ instant }} then instant_before
            when owner_before >= {{ owner }} then error('rows of {{ owner }} came out of order')
        end as {{ name }}
    from (
        select
            *,
            lag({{ owner }}) over () as owner_before,
            lag({{ instant }}) over () as instant_before
        from (select * from {{ relation }} order by {{ owner }}, {{ instant }}) as in_order
    ) as told
{%- endmacro %}
