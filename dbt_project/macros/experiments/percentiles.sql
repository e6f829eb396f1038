{# How the figures of units lie, from value counts. #}

{# What each unit had whose window is over, of means and ratios: (experiment_name,
   metric_name, variant, metric_kind, y, d). Who left by then is left out. #}
{% macro totals_of_units(metrics) -%}
    select
        {{ metrics }}.experiment_name,
        {{ metrics }}.metric_name,
        units.variant,
        {{ metrics }}.metric_kind,
        sum(unit_days.y) as y,
        sum(unit_days.d) as d
    from {{ ref('int_experiment_unit_days') }} as unit_days
    inner join {{ metrics }}
        on
            unit_days.metric_key = {{ metrics }}.metric_key
            and unit_days.day_date <= {{ metrics }}.day_date
    inner join {{ ref('int_experiment_units') }} as units
        on
            unit_days.unit_key = units.unit_key
            and {{ metrics }}.experiment_name = units.experiment_name
            and {{ maturity_date('units', metrics) }} <= {{ metrics }}.day_date
            and coalesce(units.conflict_date > {{ metrics }}.day_date, true)
    where {{ metrics }}.metric_kind <> 'quantile'
    group by
        {{ metrics }}.experiment_name,
        {{ metrics }}.metric_name,
        units.variant,
        {{ metrics }}.metric_kind,
        unit_days.unit_key
{%- endmacro %}


{# Values of units with what is behind each: (experiment_name, metric_name, variant,
   unit_value, unit_count). Units without any row of a mean are those that did nothing;
   a ratio they do not have. `totals` has y and d by unit, `closed` counts all units. #}
{% macro values_of_units(totals, closed) -%}
    select
        experiment_name,
        metric_name,
        variant,
        case
            when metric_kind = 'mean' then cast(y as double)
            else cast(y as double) / nullif(cast(d as double), 0)
        end as unit_value,
        count(*) as unit_count
    from {{ totals }}
    where
        metric_kind = 'mean'
        or d <> 0
    group by experiment_name, metric_name, variant, unit_value
    union all
    select
        {{ closed }}.experiment_name,
        {{ closed }}.metric_name,
        {{ closed }}.variant,
        0 as unit_value,
        {{ closed }}.unit_count - coalesce(active.unit_count, 0) as unit_count
    from {{ closed }}
    left join (
        select
            experiment_name,
            metric_name,
            variant,
            count(*) as unit_count
        from {{ totals }}
        group by experiment_name, metric_name, variant
    ) as active
        on {{ agree_in(closed, 'active', ['experiment_name', 'metric_name', 'variant']) }}
{%- endmacro %}


{# Single amounts of metrics that are quantiles, of units whose window is over. #}
{% macro values_of_amounts(metrics) -%}
    select
        {{ metrics }}.experiment_name,
        {{ metrics }}.metric_name,
        units.variant,
        cast(amounts.amount as double) as unit_value,
        count(*) as unit_count
    from {{ ref('int_experiment_amounts') }} as amounts
    inner join {{ metrics }}
        on
            amounts.component_id = {{ metrics }}.value_component
            and amounts.activity_date <= {{ metrics }}.day_date
            and {{ metrics }}.quantile is not null
    inner join (
        select *
        from {{ ref('int_experiment_units') }}
        where
            takes_part
            and experiment_name in (
                select experiment_name from {{ metrics }}
                where quantile is not null
            )
    ) as units
        on
            {{ metrics }}.experiment_name = units.experiment_name
            and amounts.unit_key = units.unit_key
            and {{ counts_for('amounts', 'units', metrics) }}
            and coalesce(units.conflict_date > {{ metrics }}.day_date, true)
            and {{ maturity_date('units', metrics) }} <= {{ metrics }}.day_date
    group by {{ metrics }}.experiment_name, {{ metrics }}.metric_name, units.variant, unit_value
{%- endmacro %}


{# The percentiles 1 to 99 of value counts: the smallest value that so many of 100 have
   at most. #}
{% macro percentiles_of_values(counted) -%}
    select
        cumulated.experiment_name,
        cumulated.metric_name,
        cumulated.variant,
        cast(percentiles.percentile as integer) as percentile,
        cumulated.unit_value,
        cast(cumulated.all_units as bigint) as unit_count
    from (
        select
            experiment_name,
            metric_name,
            variant,
            unit_value,
            sum(unit_count) as unit_count,
            sum(sum(unit_count)) over (
                partition by experiment_name, metric_name, variant order by unit_value
            ) as units_so_far,
            sum(sum(unit_count)) over (
                partition by experiment_name, metric_name, variant
            ) as all_units
        from {{ counted }}
        where unit_count > 0
        group by experiment_name, metric_name, variant, unit_value
    ) as cumulated
    inner join {{ numbers_between(1, 99) }} as percentiles (percentile)
        on
            percentiles.percentile * cumulated.all_units <= 100 * cumulated.units_so_far
            and percentiles.percentile * cumulated.all_units
            > 100 * (cumulated.units_so_far - cumulated.unit_count)
{%- endmacro %}
