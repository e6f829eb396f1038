{# What differs between engines, one dispatched macro each. #}

{% macro inline_cte() %}{{ return(adapter.dispatch('inline_cte')()) }}{% endmacro %}
{% macro default__inline_cte() %}{{ return('') }}{% endmacro %}
{% macro duckdb__inline_cte() %}{{ return('not materialized') }}{% endmacro %}


{# A CTE that is read once and yet not to be computed for each row that reads it. #}
{% macro computed_once() %}{{ return(adapter.dispatch('computed_once')()) }}{% endmacro %}
{% macro default__computed_once() %}{{ return('') }}{% endmacro %}
{% macro duckdb__computed_once() %}{{ return('materialized') }}{% endmacro %}


{% macro to_local_time(timestamp) %}
    {%- set zone = setting('reporting_timezone') -%}
    {%- if zone == 'UTC' -%}
        {{ timestamp }}
    {%- else -%}
        {{ adapter.dispatch('to_local_time')(timestamp, zone) }}
    {%- endif -%}
{% endmacro %}
{% macro default__to_local_time(timestamp, zone) -%}
    from_utc_timestamp({{ timestamp }}, '{{ zone }}')
{%- endmacro %}
{% macro duckdb__to_local_time(timestamp, zone) -%}
    timezone('{{ zone }}', timezone('UTC', {{ timestamp }}))
{%- endmacro %}


{# The instant (UTC) of a local timestamp. #}
{% macro to_utc_time(local_at) %}
    {%- set zone = setting('reporting_timezone') -%}
    {%- if zone == 'UTC' -%}
        {{ local_at }}
    {%- else -%}
        {{ adapter.dispatch('to_utc_time')(local_at, zone) }}
    {%- endif -%}
{% endmacro %}
{% macro default__to_utc_time(local_at, zone) -%}
    to_utc_timestamp({{ local_at }}, '{{ zone }}')
{%- endmacro %}
{% macro duckdb__to_utc_time(local_at, zone) -%}
    timezone('UTC', timezone('{{ zone }}', {{ local_at }}))
{%- endmacro %}


{% macro object_of(key, value) %}{{ return(adapter.dispatch('object_of')(key, value)) }}{% endmacro %}
{% macro default__object_of(key, value) %}
    {{ return("to_json(map_from_entries(collect_list(struct(" ~ key ~ ", " ~ value ~ "))))") }}
{% endmacro %}
{% macro duckdb__object_of(key, value) %}
    {{ return("cast(to_json(map(list(" ~ key ~ " order by " ~ key ~ "), list(" ~ value ~ " order by " ~ key ~ "))) as varchar)") }}
{% endmacro %}


{% macro seconds_between(earlier, later) %}{{ return(adapter.dispatch('seconds_between')(earlier, later)) }}{% endmacro %}
{% macro default__seconds_between(earlier, later) %}
    {{ return("((unix_micros(" ~ later ~ ") - unix_micros(" ~ earlier ~ ")) / 1000000.0)") }}
{% endmacro %}
{% macro duckdb__seconds_between(earlier, later) %}
    {{ return("((epoch_us(" ~ later ~ ") - epoch_us(" ~ earlier ~ ")) / 1000000.0)") }}
{% endmacro %}


{# The number of a timestamp's microsecond since 1970. #}
{% macro microsecond_of(timestamp) %}{{ return(adapter.dispatch('microsecond_of')(timestamp)) }}{% endmacro %}
{% macro default__microsecond_of(timestamp) %}{{ return("unix_micros(" ~ timestamp ~ ")") }}{% endmacro %}
{% macro duckdb__microsecond_of(timestamp) %}{{ return("epoch_us(" ~ timestamp ~ ")") }}{% endmacro %}


{# The timestamp of a microsecond since 1970: to reckon with numbers is cheaper than with
   intervals, where it is done for every row of millions. #}
{% macro moment_of_microsecond(number) %}{{ return(adapter.dispatch('moment_of_microsecond')(number)) }}{% endmacro %}
{% macro default__moment_of_microsecond(number) %}{{ return("timestamp_micros(" ~ number ~ ")") }}{% endmacro %}
{% macro duckdb__moment_of_microsecond(number) %}{{ return("make_timestamp(" ~ number ~ ")") }}{% endmacro %}


{# A bigint with one bit set, and whether a bigint has it; places are counted from 0. #}
{% macro bit_at(place) %}{{ return(adapter.dispatch('bit_at')(place)) }}{% endmacro %}
{% macro default__bit_at(place) %}{{ return('shiftleft(cast(1 as bigint), cast(' ~ place ~ ' as int))') }}{% endmacro %}
{% macro duckdb__bit_at(place) %}{{ return('(cast(1 as bigint) << (' ~ place ~ '))') }}{% endmacro %}

{% macro has_bit(bits, place) %}{{ return(adapter.dispatch('has_bit')(bits, place)) }}{% endmacro %}
{% macro default__has_bit(bits, place) %}{{ return('(shiftright(' ~ bits ~ ', ' ~ place ~ ') & 1) = 1') }}{% endmacro %}
{% macro duckdb__has_bit(bits, place) %}{{ return('((' ~ bits ~ ' >> ' ~ place ~ ') & 1) = 1') }}{% endmacro %}


{% macro percentile_of(column, fraction) %}
    {{ return("percentile_cont(" ~ fraction ~ ") within group (order by " ~ column ~ ")") }}
{% endmacro %}


{# Several percentiles as a list: the values are kept and put in order once for all. #}
{% macro percentiles_of(column, fractions) %}{{ return(adapter.dispatch('percentiles_of')(column, fractions)) }}{% endmacro %}
{% macro default__percentiles_of(column, fractions) %}
    {{ return("percentile(" ~ column ~ ", array(" ~ fractions | join(', ') ~ "))") }}
{% endmacro %}
{% macro duckdb__percentiles_of(column, fractions) %}
    {{ return("percentile_cont([" ~ fractions | join(', ') ~ "]) within group (order by " ~ column ~ ")") }}
{% endmacro %}


{% macro date_spine_rows(start, end, step, name) %}{{ return(adapter.dispatch('date_spine_rows')(start, end, step, name)) }}{% endmacro %}
{% macro default__date_spine_rows(start, end, step, name) %}
    {{ return("explode(sequence(" ~ start ~ ", " ~ end ~ ", interval " ~ step ~ ")) as " ~ name) }}
{% endmacro %}
{% macro duckdb__date_spine_rows(start, end, step, name) %}
    {{ return("unnest(generate_series(" ~ start ~ ", " ~ end ~ ", interval " ~ step ~ ")) as " ~ name) }}
{% endmacro %}


