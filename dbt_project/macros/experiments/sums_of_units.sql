{# Sums of units by the one-scan delta method. #}

{# Engines leave a null out of the greatest and the least: a tail without a cap. #}
{% macro within_caps(total, caps) -%}
    greatest(least({{ total }}, {{ caps }}.upper_value), {{ caps }}.lower_value)
{%- endmacro %}


{# What the rows of units and days add to the sums. With p, q the numerator and
   denominator before the day and m, k those of the day: d(sum) = m, d(sum of squares) =
   (p + m)^2 - p^2, d(y d) = (p + m)(q + k) - p q, d(x y) = x m. The squares of the days
   themselves serve the views by day. The row of the exposure brings x and w. Decimals:
   no digit is lost, and no order of the rows shows. #}
{% macro sums_of_rows(sign='') -%}
    {%- set terms = {
        'y': 'y',
        'd': 'd',
        'x': 'case when is_entry then x else 0 end',
        'w': 'case when is_entry then w else 0 end',
        'yy': exact_product('y', '(2 * y_before + y)'),
        'yd': exact_product('y', '(d_before + d)') ~ ' + ' ~ exact_product('y_before', 'd'),
        'yx': exact_product('y', 'x'),
        'yw': exact_product('y', 'w'),
        'dd': exact_product('d', '(2 * d_before + d)'),
        'dx': exact_product('d', 'x'),
        'dw': exact_product('d', 'w'),
        'xx': 'case when is_entry then ' ~ exact_product('x', 'x') ~ ' else 0 end',
        'xw': 'case when is_entry then ' ~ exact_product('x', 'w') ~ ' else 0 end',
        'ww': 'case when is_entry then ' ~ exact_product('w', 'w') ~ ' else 0 end',
        'day_y': 'y',
        'day_d': 'd',
        'day_yy': exact_product('y', 'y'),
        'day_yd': exact_product('y', 'd'),
        'day_dd': exact_product('d', 'd'),
        'day_yx': exact_product('y', 'x'),
        'day_yw': exact_product('y', 'w'),
        'day_dx': exact_product('d', 'x'),
        'day_dw': exact_product('d', 'w')
    } -%}
    {%- for name in asked_for(sum_names() + day_sum_names()) %}
    {{ '0' if sign and name in day_sum_names() else sign ~ 'sum(' ~ terms[name] ~ ')' }} as {{ name }}
    {{- ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{% macro sum_names() %}
    {{ return(['y', 'd', 'x', 'w', 'yy', 'yd', 'yx', 'yw', 'dd', 'dx', 'dw', 'xx', 'xw', 'ww']) }}
{% endmacro %}

{# Those that a unit brings with it, and those that its days add. #}
{% macro sum_names_of_entries() %}
    {{ return(['x', 'w', 'xx', 'xw', 'ww']) }}
{% endmacro %}

{% macro day_sum_names() %}
    {{ return(['day_y', 'day_d', 'day_yy', 'day_yd', 'day_dd', 'day_yx', 'day_yw', 'day_dx', 'day_dw']) }}
{% endmacro %}

{# Those of some sums that a metric has: without a ratio there is no denominator. What
   nobody asks for is not even planned, which in a night costs as much as its rows do. #}
{% macro asked_for(names) %}
    {% if some_metrics_divide() %}{{ return(names) }}{% endif %}
    {% set found = [] %}
    {% for name in names %}
        {% set factors = name.replace('day_', '') %}
        {% if 'd' not in factors and 'w' not in factors %}{% do found.append(name) %}{% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}

{# All of some sums, 0 those that nobody asked for. #}
{% macro all_sums(names) -%}
    {% set asked = asked_for(names) -%}
    {% for name in names -%}
    {{ name if name in asked else 'cast(0 as ' ~ type_of_sum(name) ~ ') as ' ~ name }}
    {{- ',' if not loop.last }}
    {% endfor -%}
{%- endmacro %}

{% macro type_of_sum(name) -%}
    decimal(38, {{ 12 if name.replace('day_', '') | length == 2 else 6 }})
{%- endmacro %}


{# Sums added up, as decimals: of groups, or so far within a window. #}
{% macro added_up(names, relation='', window='') -%}
    {% for name in names -%}
    {% set column = (relation ~ '.' if relation else '') ~ name -%}
    {% set value = 'sum(' ~ column ~ ')' if not window else 'sum(coalesce(' ~ column ~ ', 0)) over ' ~ window -%}
    cast({{ value }} as {{ type_of_sum(name) }}) as {{ name }}
    {{- ',' if not loop.last }}
    {% endfor -%}
{%- endmacro %}


{% macro no_sums(names) -%}
    {% for name in names -%}
    0 as {{ name }}
    {{- ',' if not loop.last }}
    {% endfor -%}
{%- endmacro %}


{# Rows of units and days with what the sums are told by: those of computed days, or by
   `conflict_date` all rows of units that leave on a computed day. #}
{% macro rows_with_units(day, first_day, of_these_days=false) -%}
    select
        metrics.experiment_name,
        metrics.metric_name,
        unit_days.is_entry,
        units.variant,
        units.slices,
        units.exposure_date,
        {{ 'units' if day == 'conflict_date' else 'unit_days' }}.{{ day }} as day_date,
        {{ maturity_date('units', 'metrics') }} as maturity_date,
        unit_days.y,
        unit_days.y_before,
        unit_days.d,
        unit_days.d_before,
        unit_days.x,
        unit_days.w
    from {{ ref('int_experiment_unit_days') }} as unit_days
    inner join metrics
        on unit_days.metric_key = metrics.metric_key
    inner join (
        select * from units
        {% if day == 'conflict_date' -%}
        where
            conflict_date >= from_date
            and conflict_date >= {{ first_day }}
        {%- elif of_these_days -%}
        where
            unit_key in (
                select unit_key from {{ ref('int_experiment_unit_days') }}
                where day_date >= {{ first_day }}
            )
        {%- endif %}
    ) as units
        on
            unit_days.unit_key = units.unit_key
            and metrics.experiment_key = units.experiment_key
            {% if day == 'day_date' -%}
            and unit_days.day_date >= units.from_date
            {%- endif %}
    {% if of_these_days -%}
    where unit_days.day_date >= {{ first_day }}
    {%- endif %}
{%- endmacro %}


{# The same rows of metrics that have caps, each total cut. A total of 0 may be cut too:
   what is told here is measured from there, as 0 is where nothing is cut. #}
{% macro rows_within_caps(relation) -%}
    select
        {{ relation }}.experiment_name,
        {{ relation }}.metric_name,
        {{ relation }}.is_entry,
        {{ relation }}.variant,
        {{ relation }}.slices,
        {{ relation }}.exposure_date,
        {{ relation }}.day_date,
        {{ relation }}.maturity_date,
        {{ within_caps(relation ~ '.y_before + ' ~ relation ~ '.y', 'caps') }}
        - {{ within_caps(relation ~ '.y_before', 'caps') }} as y,
        {{ within_caps(relation ~ '.y_before', 'caps') }} - {{ within_caps('0', 'caps') }} as y_before,
        {{ relation }}.d,
        {{ relation }}.d_before,
        {{ within_caps(relation ~ '.x', 'caps') }} - {{ within_caps('0', 'caps') }} as x,
        {{ relation }}.w
    from {{ relation }}
    inner join {{ ref('int_experiment_caps') }} as caps
        on
            {{ relation }}.experiment_name = caps.experiment_name
            and {{ relation }}.metric_name = caps.metric_name
{%- endmacro %}


{# What each experiment is told by: the whole, and its slices by their places. #}
{% macro dimensions_of_experiments() -%}
    {% for experiment in declared_experiments() -%}
    {% for slice in [{'name': 'all'}] + experiment.slices -%}
    select
        '{{ experiment.experiment_name }}' as experiment_name,
        '{{ slice.name }}' as dimension,
        {{ loop.index0 }} as position,
        '{{ experiment.declaration }}' as declaration
    union all
    {% endfor -%}
    {% endfor -%}
    select
        cast(null as {{ dbt.type_string() }}) as experiment_name,
        cast(null as {{ dbt.type_string() }}) as dimension,
        cast(null as integer) as position,
        cast(null as {{ dbt.type_string() }}) as declaration
    where false
{%- endmacro %}
