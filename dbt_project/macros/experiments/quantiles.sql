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
        {% for name in ['experiment_name', 'metric_name', 'view', 'dimension', 'dimension_value', 'variant'] -%}
        cast(null as {{ dbt.type_string() }}) as {{ name }},
        {% endfor -%}
        cast(null as date) as day_date,
        cast(null as integer) as day_number,
        cast(null as bigint) as value_unit_count,
        {% for name in ['y', 'd', 'yy', 'yd', 'dd', 'quantile_value', 'quantile_lower', 'quantile_upper'] -%}
        cast(null as double) as {{ name }},
        {% endfor -%}
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as {{ dbt.type_string() }}) as built_through_load_id
    where false
{%- endmacro %}


{# How many amounts a look sees in each bucket, and in those before it. #}
{% macro counted_buckets(seen, key) -%}
    select
        *,
        cast(
            sum(amount_count) over (partition by {{ key | join(', ') }} order by bucket) as bigint
        ) - amount_count as before_count
    from (
        select
            {{ key | join(', ') }},
            bucket,
            count(*) as amount_count
        from {{ seen }}
        group by {{ key | join(', ') }}, bucket
    ) as counted
{%- endmacro %}


{# `wanted` with the amounts at its lower_place and upper_place in the order of amounts that
   a look sees, null where no amount has it. Only buckets that hold one of these are put in
   order: to rank all amounts for every look would cost twice as much as all the rest. #}
{% macro amounts_at_places(wanted, seen, buckets, key) -%}
    select
        wanted.*,
        cast(max(case when placed.place = wanted.lower_place then placed.amount end) as double) as lower_amount,
        cast(max(case when placed.place = wanted.upper_place then placed.amount end) as double) as upper_amount
    from {{ wanted }} as wanted
    left join (
        select
            {{ columns_of(seen, key) }},
            {{ seen }}.amount,
            held.before_count + row_number() over (
                partition by {{ columns_of(seen, key) }}, {{ seen }}.bucket
                order by {{ seen }}.amount
            ) as place
        from {{ seen }}
        inner join (
            select distinct
                {{ columns_of(buckets, key) }},
                {{ buckets }}.bucket,
                {{ buckets }}.before_count
            from {{ buckets }}
            inner join {{ wanted }} as wanted
                on
                    {{ agree_in(buckets, 'wanted', key) }}
                    and (
                        {% for place in ['lower_place', 'upper_place'] -%}
                        (
                            wanted.{{ place }} > {{ buckets }}.before_count
                            and wanted.{{ place }} <= {{ buckets }}.before_count + {{ buckets }}.amount_count
                        )
                        {{ 'or' if not loop.last }}
                        {% endfor -%}
                    )
        ) as held
            on
                {{ agree_in(seen, 'held', key) }}
                and {{ seen }}.bucket = held.bucket
    ) as placed
        on
            {{ agree_in('wanted', 'placed', key) }}
            and placed.place in (wanted.lower_place, wanted.upper_place)
    group by all
{%- endmacro %}


{# What is looked for: the quantile of each series at each look lies between the amounts
   beside (n - 1) q, as metrics that are percentiles have it. #}
{% macro places_of_quantiles(buckets, series, key) -%}
    select
        *,
        floor(reach) + 1 as lower_place,
        ceil(reach) + 1 as upper_place
    from (
        select
            {{ columns_of(buckets, key) }},
            {{ series }}.quantile,
            (sum({{ buckets }}.amount_count) - 1) * {{ series }}.quantile as reach
        from {{ buckets }}
        inner join {{ series }}
            on {{ buckets }}.series_number = {{ series }}.series_number
        group by {{ columns_of(buckets, key) }}, {{ series }}.quantile
    ) as reached
{%- endmacro %}


{# Units by their amounts (d) and those at or below the quantile (y), as sums, with the
   ranks of the bounds: n q -+ z x the deviation of the number below, as units make it,
   outward. One unit alone tells nothing of it. #}
{% macro clusters_below_quantiles(seen, estimates, key) -%}
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
        from (
            select
                {{ key | join(', ') }},
                quantile,
                quantile_value,
                count(*) as value_unit_count,
                {% for sum in ['y', 'd', 'y * y', 'y * d', 'd * d'] -%}
                cast(sum({{ sum }}) as double) as {{ sum.replace(' * ', '') }}{{ ',' if not loop.last }}
                {% endfor %}
            from (
                select
                    {{ columns_of(estimates, key) }},
                    {{ estimates }}.quantile,
                    {{ estimates }}.quantile_value,
                    count(*) as d,
                    count(case when cast({{ seen }}.amount as double) <= {{ estimates }}.quantile_value then 1 end) as y
                from {{ seen }}
                inner join {{ estimates }}
                    on {{ agree_in(seen, estimates, key) }}
                group by
                    {{ columns_of(estimates, key) }},
                    {{ estimates }}.quantile,
                    {{ estimates }}.quantile_value,
                    {{ seen }}.unit_key
            ) as of_units
            group by {{ key | join(', ') }}, quantile, quantile_value
        ) as summed
    ) as wide
{%- endmacro %}
