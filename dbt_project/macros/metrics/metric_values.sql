{# From the parts of a metric to its value, in one place. An immature cell is null; a
   mature cell without hits is 0; a rate whose denominator is 0 is null. #}

{% macro metric_numerator() -%}
    case
        when not every_period.is_mature and every_period.metric_type in ('conversion', 'retention')
            then null
        when every_period.metric_type in ('percentile', 'time_to') then null
        else coalesce(measured.numerator, 0)
    end
{%- endmacro %}

{% macro metric_denominator() -%}
    case
        when every_period.metric_type in ('ratio', 'average', 'conversion', 'retention', 'time_to')
            then coalesce(measured.denominator, 0)
    end
{%- endmacro %}

{% macro metric_value() -%}
    case
        when
            not every_period.is_mature
            and every_period.metric_type in ('conversion', 'retention', 'time_to')
            then null
        when every_period.metric_type in ('percentile', 'time_to') then measured.value
        when every_period.metric_type in ('ratio', 'average', 'conversion', 'retention')
            then cast(coalesce(measured.numerator, 0) as double)
                / nullif(cast(measured.denominator as double), 0)
        else cast(coalesce(measured.numerator, 0) as double)
    end
{%- endmacro %}

{# Relative change against an earlier value, known once the period is complete. #}
{% macro change_rate(earlier) -%}
    case
        when compared.is_complete
            then (compared.value - compared.{{ earlier }}) / nullif(abs(compared.{{ earlier }}), 0)
    end
{%- endmacro %}
