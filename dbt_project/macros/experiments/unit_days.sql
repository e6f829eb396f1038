{# Figures of units by day. #}

{# The last local day on which an event of a unit may count: that on which its window
   ends, or the day of a return. #}
{% macro maturity_date(unit, metric) -%}
    case
        when {{ metric }}.retention_day is not null
            then {{ unit }}.exposure_date + {{ metric }}.retention_day
        else cast(
            {{ to_local_time(moment_of_microsecond(
                microsecond_of(unit ~ '.exposed_at') ~ ' + ' ~ metric ~ '.window_seconds * 1000000 - 1'
            )) }} as date
        )
    end
{%- endmacro %}


{# The amounts of a numerator or a denominator; without any of these, amounts need not be
   told apart. #}
{% macro total_of_side(side) -%}
    {%- if some_metrics_divide() -%}
    cast(coalesce(sum(case when side = '{{ side }}' then amount end), 0) as decimal(18, 6))
    {%- else -%}
    cast(sum(amount) as decimal(18, 6))
    {%- endif -%}
{%- endmacro %}


{# What a unit had of a metric on the days before a row, and before its exposure: the row
   of the entry stands first. What is told of a unit has 18 digits, and a sum has 38: it is
   made narrow at once, because all that follows costs half as much then. #}
{% macro before_the_day(name) -%}
    cast(coalesce(sum(case when is_entry then 0 else {{ name }} end) over earlier_rows, 0) as decimal(18, 6))
{%- endmacro %}


{% macro of_the_entry(name) -%}
    first_value(case when is_entry then {{ name }} else 0 end) over rows_so_far
{%- endmacro %}


{# What units had by metric before the first computed day, and before their exposures:
   `known` are their rows that stand, `unit_days` those of a night, among which are the
   entries of new units. What a unit had before its exposure stands on all of its rows
   alike. #}
{% macro totals_of_earlier_days(known, unit_days, metrics, sides) -%}
    select
        metric_number,
        unit_key,
        {% for side, of_entry in sides -%}
        sum({{ side }}) as {{ side }}_before,
        max({{ of_entry }}) as {{ of_entry }}{{ ',' if not loop.last }}
        {% endfor -%}
    from (
        select
            metrics.metric_number,
            known.unit_key,
            {% for side, of_entry in sides -%}
            known.{{ side }},
            known.{{ of_entry }}{{ ',' if not loop.last }}
            {% endfor -%}
        from {{ known }} as known
        inner join {{ metrics }} as metrics
            on
                known.metric_key = metrics.metric_key
                and known.day_date < metrics.from_date
        union all
        select
            metric_number,
            unit_key,
            {% for side, of_entry in sides -%}
            0 as {{ side }},
            {{ side }} as {{ of_entry }}{{ ',' if not loop.last }}
            {% endfor -%}
        from {{ unit_days }}
        where is_entry
    ) as earlier_rows
    group by metric_number, unit_key
{%- endmacro %}


{# The figures of one side of a metric on a day, as it sees them: of a flag yes or no, once.
   What no metric has is not computed. #}
{% macro figures_of_side(side, of_entry, is_flag) -%}
    {%- if side == 'd' and not some_metrics_divide() %}
        cast(0 as decimal(18, 6)) as d,
        cast(0 as decimal(18, 6)) as d_before,
        cast(0 as decimal(18, 6)) as w
    {%- else %}
        cast(
            case
                when {{ is_flag }}
                    then least(totals.{{ side }}_before + totals.{{ side }}, 1) - least(totals.{{ side }}_before, 1)
                else totals.{{ side }}
            end as decimal(18, 6)
        ) as {{ side }},
        cast({{ at_most_once('totals.' ~ side ~ '_before', is_flag) }} as decimal(18, 6)) as {{ side }}_before,
        cast({{ at_most_once('totals.' ~ of_entry, is_flag) }} as decimal(18, 6)) as {{ of_entry }}
    {%- endif %}
{%- endmacro %}


{% macro at_most_once(total, is_flag) -%}
    case when {{ is_flag }} then least({{ total }}, 1) else {{ total }} end
{%- endmacro %}
