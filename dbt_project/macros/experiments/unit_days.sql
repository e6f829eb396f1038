{# Figures of units by day, and their sums by the one-scan delta method. #}

{# The last local day on which an event of a unit may count: that on which its window
   ends, or the day of a return. #}
{% macro maturity_date(unit, metric) -%}
    case
        when {{ metric }}.retention_day is not null
            then {{ unit }}.exposure_date + {{ metric }}.retention_day
        else cast(
            {{ to_local_time(
                unit ~ '.exposed_at + ' ~ metric ~ ".window_seconds * interval '1' second"
                ~ " - interval '0.000001' second"
            ) }} as date
        )
    end
{%- endmacro %}


{# Whether any metric of an experiment is a ratio. #}
{% macro some_metrics_divide() %}
    {{ return(
        compiled_rows('catalog_experiment_metrics', 'experiment_name')
        | selectattr('denominator_component') | list | length > 0
    ) }}
{% endmacro %}


{# Whether any metric counts values that are told apart. #}
{% macro some_metrics_tell_apart() %}
    {{ return(
        compiled_rows('catalog_experiment_components', 'component_id')
        | selectattr('component_kind', 'equalto', 'values') | list | length > 0
    ) }}
{% endmacro %}


{# Whether an amount lies after a unit's exposure and within its window; of values that
   are told apart, the first such one. #}
{% macro counts_for(amount, unit, metric) -%}
    (
        {{ amount }}.since_at >= {{ unit }}.exposed_at
        {% if some_metrics_tell_apart() -%}
        and coalesce({{ amount }}.previous_at < {{ unit }}.exposed_at, true)
        {% endif -%}
        and {{ amount }}.activity_date < coalesce({{ unit }}.conflict_date, date '9999-12-31')
        and (
            {{ amount }}.activity_date = {{ unit }}.exposure_date + {{ metric }}.retention_day
            or (
                {{ metric }}.retention_day is null
                and {{ amount }}.occurred_at
                < {{ unit }}.exposed_at + {{ metric }}.window_seconds * interval '1' second
            )
        )
    )
{%- endmacro %}


{# Whether an amount lies on the days before that of a unit's exposure. #}
{% macro lies_before(amount, unit) -%}
    (
        {{ amount }}.activity_date < {{ unit }}.exposure_date
        and {{ amount }}.activity_date >= {{ unit }}.exposure_date - {{ amount }}.covariate_days
        {%- if some_metrics_tell_apart() %}
        and coalesce(
            cast({{ to_local_time(amount ~ '.previous_at') }} as date)
            < {{ unit }}.exposure_date - {{ amount }}.covariate_days,
            true
        )
        {%- endif %}
    )
{%- endmacro %}


{# What a unit had on a day, from its amounts. #}
{% macro unit_day_columns(divides) -%}
    amounts.metric_key,
    units.unit_key,
    amounts.activity_date < units.exposure_date as is_entry,
    greatest(amounts.activity_date, units.exposure_date) as day_date,
    {% if divides -%}
    coalesce(sum(case when amounts.side = 'y' then amounts.amount end), 0) as y,
    coalesce(sum(case when amounts.side = 'd' then amounts.amount end), 0) as d
    {%- else -%}
    sum(amounts.amount) as y,
    0 as d
    {%- endif %}
{%- endmacro %}


{# A unit's total as a metric sees it: yes or no of a flag, never beyond its caps. #}
{% macro at_most_once(total, is_flag) -%}
    case when {{ is_flag }} then least({{ total }}, 1) else {{ total }} end
{%- endmacro %}

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
    {{ sign }}sum(y) as y,
    {{ sign }}sum(d) as d,
    {{ sign }}sum(case when is_entry then x else 0 end) as x,
    {{ sign }}sum(case when is_entry then w else 0 end) as w,
    {{ sign }}sum({{ exact_product('y', '(2 * y_before + y)') }}) as yy,
    {{ sign }}sum(
        {{ exact_product('y', '(d_before + d)') }} + {{ exact_product('y_before', 'd') }}
    ) as yd,
    {{ sign }}sum({{ exact_product('y', 'x') }}) as yx,
    {{ sign }}sum({{ exact_product('y', 'w') }}) as yw,
    {{ sign }}sum({{ exact_product('d', '(2 * d_before + d)') }}) as dd,
    {{ sign }}sum({{ exact_product('d', 'x') }}) as dx,
    {{ sign }}sum({{ exact_product('d', 'w') }}) as dw,
    {{ sign }}sum(case when is_entry then {{ exact_product('x', 'x') }} else 0 end) as xx,
    {{ sign }}sum(case when is_entry then {{ exact_product('x', 'w') }} else 0 end) as xw,
    {{ sign }}sum(case when is_entry then {{ exact_product('w', 'w') }} else 0 end) as ww
    {%- if not sign %},
    sum(y) as day_y,
    sum(d) as day_d,
    sum({{ exact_product('y', 'y') }}) as day_yy,
    sum({{ exact_product('y', 'd') }}) as day_yd,
    sum({{ exact_product('d', 'd') }}) as day_dd,
    sum({{ exact_product('y', 'x') }}) as day_yx,
    sum({{ exact_product('y', 'w') }}) as day_yw,
    sum({{ exact_product('d', 'x') }}) as day_dx,
    sum({{ exact_product('d', 'w') }}) as day_dw
    {%- else %},
    {% for name in day_sum_names() -%}
    0 as {{ name }}{{ ', ' if not loop.last }}
    {%- endfor %}
    {%- endif %}
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

{# All sums of a cell, each added up, as decimals. #}
{% macro added_up(names, relation='') -%}
    {% for name in names -%}
    cast(sum({{ relation ~ '.' if relation }}{{ name }}) as decimal(38, {{ 12 if name.replace('day_', '') | length == 2 else 6 }})) as {{ name }}
    {{- ',' if not loop.last }}
    {% endfor -%}
{%- endmacro %}


{% macro no_sums(names) -%}
    {% for name in names -%}
    0 as {{ name }}
    {{- ',' if not loop.last }}
    {% endfor -%}
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
