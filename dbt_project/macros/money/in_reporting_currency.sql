{# An amount in the reporting currency. `code` is its currency in capital letters, `rate`
   that of its day from int_exchange_rate_days (joined on currency and rate_date). An
   amount without a currency counts as being in the reporting one; one whose currency has
   no rate is unknown: null. Without a reporting currency amounts stay as they are.
   The product of two decimals of 18 digits is of 18 digits too, hence the 19. #}
{% macro in_reporting_currency(amount, code, rate) -%}
    {%- set reported = setting('reporting_currency') -%}
    {%- if reported -%}
        case
            when {{ code }} is null or {{ code }} = '{{ reported }}' then {{ amount }}
            else try_cast(cast({{ amount }} as decimal(19, 6)) * {{ rate }} as decimal(18, 6))
        end
    {%- else -%}
        {{ amount }}
    {%- endif -%}
{%- endmacro %}


{# The currency of that amount: as it was sent where it could not be converted. #}
{% macro currency_reported(sent, code, rate) -%}
    {%- set reported = setting('reporting_currency') -%}
    {%- if reported -%}
        case
            when {{ code }} is null then null
            when {{ code }} = '{{ reported }}' or {{ rate }} is not null then '{{ reported }}'
            else {{ sent }}
        end
    {%- else -%}
        {{ sent }}
    {%- endif -%}
{%- endmacro %}
