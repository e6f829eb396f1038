{# The amounts that quantiles of experiments are of, by series and look. #}

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
   of, with the days on which looks see them, and the bucket of 128 that each lies in when
   all of a series are put in order: few enough to be put in order for a look, and so many
   that buckets are few. The order is total, or a second scan might fill them otherwise. #}
{% macro amounts_by_series(metrics, units, series) -%}
    select
        {{ series }}.series_number,
        {{ series }}.experiment_name,
        counted.unit_key,
        counted.amount,
        counted.activity_date,
        counted.closed_on,
        counted.leaves_on,
        counted.days_since_exposure,
        cast(floor((
            row_number() over (
                partition by {{ series }}.series_number
                order by counted.amount, counted.unit_key, counted.activity_date
            ) - 1
        ) / 128) as integer) as bucket
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


{# Amounts, once for each look that sees them: those at which their unit is counted, or the
   one that is of their day. #}
{% macro seen_amounts(amounts, looks) -%}
    {% set until_it_leaves = ' <= ' ~ looks ~ '.day_date and ' ~ amounts ~ '.leaves_on > ' ~ looks ~ '.day_date' -%}
    {% set conditions = {
        'closed': amounts ~ '.closed_on' ~ until_it_leaves,
        'cumulative': amounts ~ '.activity_date' ~ until_it_leaves,
        'calendar_day': amounts ~ '.activity_date = ' ~ looks ~ '.day_date',
        'day_since_exposure': amounts ~ '.days_since_exposure = ' ~ looks ~ '.day_number and '
            ~ amounts ~ '.activity_date <= ' ~ looks ~ '.day_date'
    } -%}
    {% for view, condition in conditions.items() -%}
    select
        {{ amounts }}.series_number,
        {{ looks }}.look_number,
        {{ amounts }}.bucket,
        {{ amounts }}.unit_key,
        {{ amounts }}.amount
    from {{ amounts }}
    inner join {{ looks }}
        on
            {{ amounts }}.experiment_name = {{ looks }}.experiment_name
            and {{ looks }}.view = '{{ view }}'
            and {{ condition }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
{%- endmacro %}
