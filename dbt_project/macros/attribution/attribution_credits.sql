{# How an amount is split: in whole units of 10^-9, by the differences of its rounded
   cumulative shares. So the parts of every conversion add up to it, and no figure
   depends on the order in which numbers are summed. #}

{% macro one_in_units() %}{{ return('1000000000') }}{% endmacro %}


{# Models that split a conversion among its touches; the others give it to one. #}
{% macro splitting_models(computed) %}
    {{ return(['linear', 'position', 'time_decay'] | select('in', computed) | list) }}
{% endmacro %}


{# The weight of a touch against the conversion's last, 2^(-days / half life), in 2^-40:
   counted from the last touch, that one weighs 1 however long ago it was. #}
{% macro decayed_weight(half_life_days) -%}
    cast(
        round(
            power(
                2.0,
                40 - {{ seconds_between('touched_at', 'last_touched_at') }} / {{ 86400 * half_life_days }}
            )
        ) as bigint
    )
{%- endmacro %}


{# What of the whole the touches up to this one have. Of two, one has no middle: first
   and last share in their proportion. Of more, the middle is shared in equal parts. #}
{% macro part_of(model, attribution) -%}
    {%- set weights = attribution.position_weights -%}
    {%- if model == 'linear' -%}
    touch_number
    {%- elif model == 'time_decay' -%}
    decayed_part
    {%- else -%}
    case
        when touch_number = touch_count then {{ whole_of(model, attribution) }}
        when touch_count = 2 then {{ weights.first }}
        else {{ weights.first }} * (touch_count - 2) + {{ weights.middle }} * (touch_number - 1)
    end
    {%- endif -%}
{%- endmacro %}


{% macro whole_of(model, attribution) -%}
    {%- if model == 'linear' -%}
    touch_count
    {%- elif model == 'time_decay' -%}
    decayed_whole
    {%- else -%}
    case
        when touch_count <= 2 then {{ attribution.position_weights.first + attribution.position_weights.last }}
        else 100 * (touch_count - 2)
    end
    {%- endif -%}
{%- endmacro %}


{# One column of credits, in units: null where the model is not declared. #}
{% macro credited_units(model, computed, column, whole) -%}
    cast(
    {%- if model not in computed -%}
    null
    {%- elif model in ('linear', 'position', 'time_decay') -%}
    {{ model }}_{{ column }}_so_far - coalesce(lag({{ model }}_{{ column }}_so_far) over in_order, 0)
    {%- else -%}
    case when touch_number = {{ {
        'first': '1',
        'last': 'touch_count',
        'last_non_direct': 'coalesce(last_indirect_number, touch_count)'
    }[model] }} then {{ whole }} else 0 end
    {%- endif %} as {{ type_of_units() if column == 'amount' else 'bigint' }})
    as {{ model }}_{{ column }}_units
{%- endmacro %}


{% macro no_touches_of_attribution() -%}
    {%- set text, moment = dbt.type_string(), 'timestamp' -%}
    select
        {% for name, type in [
            ('attribution_name', text), ('declaration', text), ('conversion_id', text),
            ('person_id', text), ('converted_at', moment), ('event_date', 'date'),
            ('conversion_date', 'date'), ('amount', 'decimal(18, 6)'), ('session_id', text),
            ('session_start_date', 'date'), ('touched_at', moment), ('channel', text),
            ('touch_number', 'bigint'), ('touch_count', 'bigint'), ('is_direct', 'boolean'),
            ('is_in_path', 'boolean')
        ] -%}
        cast(null as {{ type }}) as {{ name }},
        {% endfor -%}
        {% for model in attribution_models() -%}
        cast(null as {{ type_of_units() }}) as {{ model }}_amount_units,
        cast(null as bigint) as {{ model }}_credit_units{{ ',' if not loop.last }}
        {% endfor %}
    where false
{%- endmacro %}
