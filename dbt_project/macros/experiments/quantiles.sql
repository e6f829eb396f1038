{# Quantiles of single amounts by order statistics, with correction for units that have
   several: Deng, Knoblich & Lu (2018), KDD, section 4.2. Its twin in Python is
   `arm_quantile` of dagster_project/analysis/experiments/quantiles.py. #}

{# Beyond z deviations lie 5 % of a normal variable, half on each side. #}
{% macro z_of_bounds() -%}
    1.959963984540054e0
{%- endmacro %}


{# Rows of quantiles where no metric is one. #}
{% macro no_quantiles() -%}
    select
        {% for name in ['experiment_name', 'metric_name', 'view'] -%}
        cast(null as {{ dbt.type_string() }}) as {{ name }},
        {% endfor -%}
        cast(null as date) as day_date,
        cast(null as {{ dbt.type_string() }}) as variant,
        cast(null as bigint) as value_unit_count,
        {% for name in ['y', 'd', 'yy', 'yd', 'dd', 'quantile_value', 'quantile_lower', 'quantile_upper'] -%}
        cast(null as double) as {{ name }},
        {% endfor -%}
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as {{ dbt.type_string() }}) as built_through_load_id
    where false
{%- endmacro %}


{# The quantile of each series, interpolated between the amounts beside (n - 1) q, as
   metrics that are percentiles have it. #}
{% macro interpolated_quantiles(ranked, metrics, series) -%}
    select
        {{ series | join(', ') }},
        quantile,
        low + (high - low) * (reach - floor(reach)) as quantile_value
    from (
        select
            {{ columns_of('measured', series) }},
            measured.quantile,
            measured.reach,
            cast(max(case when {{ ranked }}.place = floor(measured.reach) + 1 then {{ ranked }}.amount end) as double) as low,
            cast(max(case when {{ ranked }}.place = ceil(measured.reach) + 1 then {{ ranked }}.amount end) as double) as high
        from {{ ranked }}
        inner join (
            select
                {{ columns_of(ranked, series) }},
                {{ metrics }}.quantile,
                (count(*) - 1) * {{ metrics }}.quantile as reach
            from {{ ranked }}
            inner join {{ metrics }}
                on {{ ranked }}.metric_key = {{ metrics }}.metric_key
            group by {{ columns_of(ranked, series) }}, {{ metrics }}.quantile
        ) as measured
            on {{ agree_in(ranked, 'measured', series) }}
        group by {{ columns_of('measured', series) }}, measured.quantile, measured.reach
    ) as beside
{%- endmacro %}


{# Units by their amounts (d) and those at or below the quantile (y), as sums. #}
{% macro clusters_below_quantiles(ranked, estimates, series) -%}
    select
        {{ series | join(', ') }},
        quantile,
        quantile_value,
        count(*) as value_unit_count,
        {% for sum in ['y', 'd', 'y * y', 'y * d', 'd * d'] -%}
        cast(sum({{ sum }}) as double) as {{ sum.replace(' * ', '') }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            {{ columns_of(estimates, series) }},
            {{ estimates }}.quantile,
            {{ estimates }}.quantile_value,
            count(*) as d,
            count(case when cast({{ ranked }}.amount as double) <= {{ estimates }}.quantile_value then 1 end) as y
        from {{ ranked }}
        inner join {{ estimates }}
            on {{ agree_in(ranked, estimates, series) }}
        group by
            {{ columns_of(estimates, series) }},
            {{ estimates }}.quantile,
            {{ estimates }}.quantile_value,
            {{ ranked }}.unit_key
    ) as of_units
    group by {{ series | join(', ') }}, quantile, quantile_value
{%- endmacro %}


{# The ranks of the bounds: n q -+ z x the deviation of the number below, as units make
   it, outward. One unit alone tells nothing of it. #}
{% macro ranks_around_quantiles(clusters) -%}
    select
        *,
        floor(d * quantile - reach) as lower_place,
        ceil(d * quantile + reach) + 1 as upper_place
    from (
        select
            *,
            {{ z_of_bounds() }} * sqrt(
                greatest(yy - 2 * y / d * yd + y / d * (y / d) * dd, 0)
                * value_unit_count / nullif(value_unit_count - 1, 0)
            ) as reach
        from {{ clusters }}
    ) as wide
{%- endmacro %}
