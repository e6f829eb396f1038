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


{# The amounts of a numerator or a denominator. Sums of denominators that no metric has
   would cost a quarter of the whole. #}
{% macro total_of_side(side) -%}
    {%- if some_metrics_divide() -%}
    cast(coalesce(sum(case when side = '{{ side }}' then amount end), 0) as decimal(18, 6))
    {%- else -%}
    {{ 'cast(sum(amount) as decimal(18, 6))' if side == 'y' else '0' }}
    {%- endif -%}
{%- endmacro %}


{# What a unit had of a metric on the days before a row, and before its exposure: the row
   of the entry stands first. What is told of a unit has 18 digits, and a sum has 38: it is
   made narrow at once, because all that follows costs half as much then. #}
{% macro before_the_day(name) -%}
    {%- if name == 'd' and not some_metrics_divide() -%}
    cast(0 as decimal(18, 6))
    {%- else -%}
    cast(coalesce(sum(case when is_entry then 0 else {{ name }} end) over earlier_rows, 0) as decimal(18, 6))
    {%- endif -%}
{%- endmacro %}


{% macro of_the_entry(name) -%}
    {%- if name == 'd' and not some_metrics_divide() -%}
    cast(0 as decimal(18, 6))
    {%- else -%}
    first_value(case when is_entry then {{ name }} else 0 end) over rows_so_far
    {%- endif -%}
{%- endmacro %}


{# Figures that rows of earlier days add to those of a night, by column. What a unit had
   before its exposure stands on all of its rows alike. #}
{% macro figures_of_earlier_days() %}
    {% set figures = {'y_before': 'sum(known.y)', 'x': 'max(known.x)'} %}
    {% if some_metrics_divide() %}
        {% do figures.update({'d_before': 'sum(known.d)', 'w': 'max(known.w)'}) %}
    {% endif %}
    {{ return(figures) }}
{% endmacro %}


{# What the rows that stand say of units, by metric, up to the first computed day.
   `known` are their rows. #}
{% macro totals_of_earlier_days(known, metrics) -%}
    select
        metrics.metric_number,
        known.unit_key,
        {% for name, value in figures_of_earlier_days().items() -%}
        {{ value }} as {{ name }}{{ ',' if not loop.last }}
        {% endfor -%}
    from {{ known }} as known
    inner join {{ metrics }} as metrics
        on
            known.metric_key = metrics.metric_key
            and known.day_date < metrics.from_date
    group by metrics.metric_number, known.unit_key
{%- endmacro %}


{# The figures of a row so far, where a night continues with what earlier days had. #}
{% macro with_earlier_days(names, continues) -%}
    {% for name in names -%}
    in_order.{{ name }} {{- ' + coalesce(earlier.' ~ name ~ ', 0)' if continues and name in figures_of_earlier_days() }} as {{ name }}{{ ',' if not loop.last }}
    {% endfor -%}
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
