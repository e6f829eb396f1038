{{
    config(
        materialized='incremental',
        incremental_strategy='replace_experiments',
        unique_key=['experiment_name', 'metric_name', 'view', 'variant', 'day_date'],
        meta={'day_column': 'day_date'}
    )
}}

-- Read only where some metric is a quantile:
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_experiment_days') }}
-- depends_on: {{ ref('int_experiment_units') }}
-- depends_on: {{ ref('int_experiment_amounts') }}
-- depends_on: {{ ref('stg_catalog_experiment_metrics') }}
{% if some_metrics_are_quantiles() %}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known = declarations_by('experiment_name', this) if is_incremental() else {} %}
{% set starts = experiments_to_compute(known, mark) %}
{% set series = ['metric_key', 'view', 'day_date', 'variant'] %}

-- The looks from the first changed day on, and those that a later watermark has brought.
with looks as (

    select
        days.experiment_name,
        days.day_date
    from {{ ref('int_experiment_days') }} as days
    left join ({{ computed_from(starts) }}) as computed
        on days.experiment_name = computed.experiment_name
    {% if is_incremental() -%}
    left join (
        select
            experiment_name,
            max(day_date) as day_date
        from {{ this }}
        group by experiment_name
    ) as latest
        on days.experiment_name = latest.experiment_name
    {% endif -%}
    where
        days.day_date >= computed.from_date
        {% if is_incremental() -%}
        or days.day_date > latest.day_date
        {%- endif %}

),

metrics as (

    select metrics.*
    from ({{ metrics_of_experiments() }}) as metrics
    where
        metrics.quantile is not null
        and metrics.experiment_name in (select looks.experiment_name from looks)

),

-- Whoever has no quantile to compute costs a scan of a column.
units as (

    select *
    from {{ ref('int_experiment_units') }}
    where
        takes_part
        and experiment_name in (select metrics.experiment_name from metrics)

),

amounts as (

    select
        metrics.metric_key,
        metrics.experiment_name,
        units.variant,
        units.unit_key,
        amounts.amount,
        amounts.activity_date as cumulative_from,
        greatest({{ maturity_date('units', 'metrics') }}, amounts.activity_date) as closed_from,
        coalesce(units.conflict_date, date '9999-12-31') as leaves_on
    from {{ ref('int_experiment_amounts') }} as amounts
    inner join metrics
        on amounts.component_id = metrics.value_component
    inner join units
        on
            metrics.experiment_name = units.experiment_name
            and amounts.unit_key = units.unit_key
            and {{ counts_for('amounts', 'units', 'metrics') }}

),

ranked as (

    {% for view in ['closed', 'cumulative'] -%}
    select
        amounts.metric_key,
        '{{ view }}' as view,
        looks.day_date,
        amounts.variant,
        amounts.unit_key,
        amounts.amount,
        row_number() over (
            partition by amounts.metric_key, looks.day_date, amounts.variant
            order by amounts.amount
        ) as place
    from amounts
    inner join looks
        on
            amounts.experiment_name = looks.experiment_name
            and amounts.{{ view }}_from <= looks.day_date
            and amounts.leaves_on > looks.day_date
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

estimates as (

    {{ interpolated_quantiles('ranked', 'metrics', series) }}

),

clusters as (

    {{ clusters_below_quantiles('ranked', 'estimates', series) }}

),

bounds as (

    {{ ranks_around_quantiles('clusters') }}

),

final as (

    select
        metrics.experiment_name,
        metrics.metric_name,
        bounds.view,
        bounds.day_date,
        bounds.variant,
        bounds.value_unit_count,
        bounds.y,
        bounds.d,
        bounds.yy,
        bounds.yd,
        bounds.dd,
        bounds.quantile_value,
        cast(max(case when ranked.place = bounds.lower_place then ranked.amount end) as double)
            as quantile_lower,
        cast(max(case when ranked.place = bounds.upper_place then ranked.amount end) as double)
            as quantile_upper,
        metrics.declaration,
        {{ newest_load() }} as built_through_load_id
    from ranked
    inner join bounds
        on {{ agree_in('ranked', 'bounds', series) }}
    inner join metrics
        on bounds.metric_key = metrics.metric_key
    group by all

)

select * from final
{%- else %}
{{ no_quantiles() }}
{%- endif %}
