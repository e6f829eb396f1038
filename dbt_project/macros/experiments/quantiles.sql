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


{# What is told of each metric: variants, all and by the groups of its slices. #}
{% macro series_of_quantiles(metrics) -%}
    select
        {{ metrics }}.experiment_name,
        {{ metrics }}.metric_name,
        {{ metrics }}.metric_key,
        {{ metrics }}.quantile,
        {{ metrics }}.declaration,
        groups.dimension,
        groups.told_value as dimension_value,
        variants.variant,
        {{ numbered([metrics ~ '.metric_key', 'groups.dimension', 'groups.told_value', 'variants.variant']) }}
            as series_number
    from {{ metrics }}
    inner join (
        select distinct
            experiment_name,
            dimension,
            told_value
        from {{ ref('int_experiment_slices') }}
    ) as groups
        on {{ metrics }}.experiment_name = groups.experiment_name
    inner join {{ ref('stg_catalog_experiment_variants') }} as variants
        on {{ metrics }}.experiment_name = variants.experiment_name
{%- endmacro %}


{# Small numbers for rows that few columns tell apart. #}
{% macro numbered(columns) -%}
    cast(row_number() over (order by {{ columns | join(', ') }}) as integer)
{%- endmacro %}


{# Single amounts of units within their windows, once for each series that a unit is part
   of, with the days on which looks see them. #}
{% macro amounts_by_series(metrics, units, series) -%}
    select
        {{ series }}.series_number,
        {{ series }}.experiment_name,
        counted.unit_key,
        counted.amount,
        counted.activity_date,
        counted.closed_on,
        counted.leaves_on,
        counted.days_since_exposure
    from (
        select
            {{ metrics }}.metric_key,
            {{ metrics }}.experiment_name,
            {{ units }}.variant,
            {{ units }}.slices,
            {{ units }}.unit_key,
            amounts.amount,
            amounts.activity_date,
            greatest({{ maturity_date(units, metrics) }}, amounts.activity_date) as closed_on,
            coalesce({{ units }}.conflict_date, date '9999-12-31') as leaves_on,
            {{ count_between(units ~ '.exposure_date', 'amounts.activity_date', 'day') }} as days_since_exposure
        from {{ ref('int_experiment_amounts') }} as amounts
        inner join {{ metrics }}
            on amounts.component_id = {{ metrics }}.value_component
        inner join {{ units }}
            on
                {{ metrics }}.experiment_name = {{ units }}.experiment_name
                and amounts.unit_key = {{ units }}.unit_key
                and {{ counts_for('amounts', units, metrics) }}
    ) as counted
    inner join ({{ dimensions_of_experiments() }}) as dimensions
        on counted.experiment_name = dimensions.experiment_name
    inner join {{ ref('int_experiment_slices') }} as groups
        on
            counted.experiment_name = groups.experiment_name
            and dimensions.dimension = groups.dimension
            and case
                when dimensions.position = 0 then 'all'
                else {{ item_of('counted.slices', 'dimensions.position') }}
            end = groups.dimension_value
    inner join {{ series }}
        on
            counted.metric_key = {{ series }}.metric_key
            and counted.variant = {{ series }}.variant
            and groups.dimension = {{ series }}.dimension
            and groups.told_value = {{ series }}.dimension_value
{%- endmacro %}


{# Amounts in order, once for each look that sees them: those at which their unit is
   counted, or the one that is of their day. #}
{% macro ranked_amounts(amounts, looks) -%}
    {% set until_it_leaves = ' <= ' ~ looks ~ '.day_date and ' ~ amounts ~ '.leaves_on > ' ~ looks ~ '.day_date' -%}
    {% set seen = {
        'closed': amounts ~ '.closed_on' ~ until_it_leaves,
        'cumulative': amounts ~ '.activity_date' ~ until_it_leaves,
        'calendar_day': amounts ~ '.activity_date = ' ~ looks ~ '.day_date',
        'day_since_exposure': amounts ~ '.days_since_exposure = ' ~ looks ~ '.day_number and '
            ~ amounts ~ '.activity_date <= ' ~ looks ~ '.day_date'
    } -%}
    {% for view, is_seen in seen.items() -%}
    select
        {{ amounts }}.series_number,
        {{ looks }}.look_number,
        {{ amounts }}.unit_key,
        {{ amounts }}.amount,
        row_number() over (
            partition by {{ amounts }}.series_number, {{ looks }}.look_number
            order by {{ amounts }}.amount
        ) as place
    from {{ amounts }}
    inner join {{ looks }}
        on
            {{ amounts }}.experiment_name = {{ looks }}.experiment_name
            and {{ looks }}.view = '{{ view }}'
            and {{ is_seen }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
{%- endmacro %}


{# The quantile of each series at each look, interpolated between the amounts beside
   (n - 1) q, as metrics that are percentiles have it. #}
{% macro interpolated_quantiles(ranked, series, key) -%}
    select
        {{ key | join(', ') }},
        quantile,
        low + (high - low) * (reach - floor(reach)) as quantile_value
    from (
        select
            {{ columns_of('measured', key) }},
            measured.quantile,
            measured.reach,
            cast(min({{ ranked }}.amount) as double) as low,
            cast(max({{ ranked }}.amount) as double) as high
        from {{ ranked }}
        inner join (
            select
                {{ columns_of('counted', key) }},
                {{ series }}.quantile,
                (counted.amount_count - 1) * {{ series }}.quantile as reach
            from (
                select
                    {{ key | join(', ') }},
                    count(*) as amount_count
                from {{ ranked }}
                group by {{ key | join(', ') }}
            ) as counted
            inner join {{ series }}
                on counted.series_number = {{ series }}.series_number
        ) as measured
            on
                {{ agree_in(ranked, 'measured', key) }}
                and {{ ranked }}.place in (floor(measured.reach) + 1, ceil(measured.reach) + 1)
        group by {{ columns_of('measured', key) }}, measured.quantile, measured.reach
    ) as beside
{%- endmacro %}


{# Units by their amounts (d) and those at or below the quantile (y), as sums, with the
   ranks of the bounds: n q -+ z x the deviation of the number below, as units make it,
   outward. One unit alone tells nothing of it. #}
{% macro clusters_below_quantiles(ranked, estimates, key) -%}
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
                    count(case when cast({{ ranked }}.amount as double) <= {{ estimates }}.quantile_value then 1 end) as y
                from {{ ranked }}
                inner join {{ estimates }}
                    on {{ agree_in(ranked, estimates, key) }}
                group by
                    {{ columns_of(estimates, key) }},
                    {{ estimates }}.quantile,
                    {{ estimates }}.quantile_value,
                    {{ ranked }}.unit_key
            ) as of_units
            group by {{ key | join(', ') }}, quantile, quantile_value
        ) as summed
    ) as wide
{%- endmacro %}


{# The amounts at these ranks, null where no amount has one; the first one keeps a series
   that has neither. #}
{% macro amounts_around_quantiles(ranked, clusters, key) -%}
    select
        {{ columns_of(clusters, key + ['value_unit_count', 'y', 'd', 'yy', 'yd', 'dd', 'quantile_value']) }},
        cast(max(case when {{ ranked }}.place = {{ clusters }}.lower_place then {{ ranked }}.amount end) as double)
            as quantile_lower,
        cast(max(case when {{ ranked }}.place = {{ clusters }}.upper_place then {{ ranked }}.amount end) as double)
            as quantile_upper
    from {{ ranked }}
    inner join {{ clusters }}
        on
            {{ agree_in(ranked, clusters, key) }}
            and {{ ranked }}.place in (1, {{ clusters }}.lower_place, {{ clusters }}.upper_place)
    group by all
{%- endmacro %}
