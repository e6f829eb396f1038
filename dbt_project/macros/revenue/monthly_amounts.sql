{# What a subscription is worth a month: `amount` a bill, of which so many cover so many
   months. Whole millionths are divided, because decimals would be as floating numbers.
   Null where it is more than money can be. #}
{% macro monthly_amount(amount, bills, months) -%}
    {%- set whole = "cast(cast(" ~ amount ~ " as decimal(38, 6)) * 1000000 as "
        ~ type_of_units() ~ ")" -%}
    {%- set part = "cast(" ~ bills ~ " as " ~ type_of_units() ~ ") * 1000000000000" -%}
    {%- set parts = "cast(" ~ months ~ " * 1000000000000 as " ~ type_of_units() ~ ")" -%}
    try_cast(
        try_cast({{ share_in_units(whole, part, parts) }} as decimal(38, 0))
        * cast(0.000001 as decimal(7, 6))
        as decimal(18, 6)
    )
{%- endmacro %}


{# The least number of bills that cover whole months. A day is the 30.4375th part of a
   month (a leap year's 1461 days in four years), so 487 days are 16 months. #}
{% macro bills_in_months(period) -%}
    case when {{ period }} in ('day', 'week') then 487 else 1 end
{%- endmacro %}


{# The months that those cover; none for what is paid once, a month a bill where nothing
   is said. #}
{% macro months_of_bills(period, period_count) -%}
    cast(
        coalesce({{ period_count }}, 1) * case coalesce({{ period }}, 'month')
            when 'day' then 16
            when 'week' then 112
            when 'month' then 1
            when 'quarter' then 3
            when 'year' then 12
        end as decimal(38, 12)
    )
{%- endmacro %}
