{# Exact arithmetic on whole units of 10^-9: numbers with decimals are divided as floating
   ones, and a floating share of a large amount is off by more than a cent. #}

{% macro type_of_units() %}{{ return(adapter.dispatch('type_of_units')()) }}{% endmacro %}
{% macro default__type_of_units() %}{{ return('decimal(38, 0)') }}{% endmacro %}
{% macro duckdb__type_of_units() %}{{ return('hugeint') }}{% endmacro %}


{# An amount of six decimals; its whole part apart, because decimal(18, 6) times a million
   is more than its type holds. #}
{% macro in_units(amount) -%}
    (
        cast(trunc({{ amount }}) as {{ type_of_units() }}) * 1000000000
        + cast(({{ amount }} - trunc({{ amount }})) * 1000000 as {{ type_of_units() }}) * 1000
    )
{%- endmacro %}


{# whole * part / parts, rounded half away from zero; `parts` is positive, `part` at
   most as large. #}
{% macro share_in_units(whole, part, parts) %}{{ return(adapter.dispatch('share_in_units')(whole, part, parts)) }}{% endmacro %}
{% macro default__share_in_units(whole, part, parts) -%}
    round(cast({{ whole }} as decimal(38, 0)) * {{ part }} / {{ parts }})
{%- endmacro %}
{% macro duckdb__share_in_units(whole, part, parts) -%}
    case
        when {{ part }} = {{ parts }} then {{ whole }}
        else sign({{ whole }})
            * ((2 * cast(abs({{ whole }}) as hugeint) * ({{ part }}) + ({{ parts }})) // (2 * ({{ parts }})))
    end
{%- endmacro %}


{# Units as a decimal number. #}
{% macro decimal_of_units(units) %}{{ return(adapter.dispatch('decimal_of_units')(units)) }}{% endmacro %}
{% macro default__decimal_of_units(units) -%}
    cast({{ units }} * cast(0.000000001 as decimal(10, 9)) as decimal(38, 9))
{%- endmacro %}
{% macro duckdb__decimal_of_units(units) -%}
    (
        cast(cast({{ units }} as hugeint) // 1000000000 as decimal(38, 9))
        + cast(cast({{ units }} as hugeint) % 1000000000 as decimal(10, 0))
        * cast(0.000000001 as decimal(10, 9))
    )
{%- endmacro %}
