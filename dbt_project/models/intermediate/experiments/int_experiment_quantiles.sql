{{
    config(
        materialized='incremental',
        incremental_strategy='replace_experiments',
        unique_key=[
            'experiment_name', 'metric_name', 'view', 'dimension', 'dimension_value',
            'variant', 'day_number'
        ],
        meta={'day_column': 'day_date', 'replaced_by': ['experiment_name', 'view', 'day_number']}
    )
}}

-- Read only where some metric is a quantile:
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_experiment_days') }}
-- depends_on: {{ ref('int_experiment_units') }}
-- depends_on: {{ ref('int_experiment_slices') }}
-- depends_on: {{ ref('int_experiment_amounts') }}
-- depends_on: {{ ref('stg_catalog_experiment_metrics') }}
-- depends_on: {{ ref('stg_catalog_experiment_variants') }}
{% if some_metrics_are_quantiles() %}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known = declarations_by('experiment_name', this) if is_incremental() else {} %}
{% set starts = experiments_to_compute(known, mark) %}
{% set key = ['series_number', 'look_number'] %}

-- The first look to compute: that of the first changed day, or one that a later watermark
-- has brought.
with first_looks as (

    select
        days.experiment_name,
        min(days.day_date) as from_date
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
    group by days.experiment_name

),

-- Days since the exposure stand as they were on the last day: any night adds to each.
looks as (

    select
        days.experiment_name,
        views.view,
        days.day_number,
        case
            when views.view = 'day_since_exposure'
                then max(days.day_date) over (partition by days.experiment_name)
            else days.day_date
        end as day_date,
        {{ numbered(['days.experiment_name', 'views.view', 'days.day_number']) }} as look_number
    from {{ ref('int_experiment_days') }} as days
    inner join first_looks
        on days.experiment_name = first_looks.experiment_name
    cross join (
        values ('closed'), ('cumulative'), ('calendar_day'), ('day_since_exposure')
    ) as views (view)
    where
        views.view = 'day_since_exposure'
        or days.day_date >= first_looks.from_date

),

metrics as (

    select metrics.*
    from ({{ metrics_of_experiments() }}) as metrics
    where
        metrics.quantile is not null
        and metrics.experiment_name in (select looks.experiment_name from looks)

),

series as (

    {{ series_of_quantiles('metrics') }}

),

-- Whoever has no quantile to compute costs a scan of a column.
units as (

    select *
    from {{ ref('int_experiment_units') }}
    where
        takes_part
        and experiment_name in (select metrics.experiment_name from metrics)

),

amounts as {{ computed_once() }} (

    {{ amounts_by_series('metrics', 'units', 'series') }}

),

seen as (

    {{ seen_amounts('amounts', 'looks') }}

),

buckets as (

    {{ counted_buckets('seen', key) }}

),

places as (

    {{ places_of_quantiles('buckets', 'series', key) }}

),

estimates as (

    select
        *,
        lower_amount + (upper_amount - lower_amount) * (reach - floor(reach)) as quantile_value
    from ({{ amounts_at_places('places', 'seen', 'buckets', key) }}) as found

),

clusters as (

    {{ clusters_below_quantiles('seen', 'estimates', key) }}

),

bounds as (

    {{ amounts_at_places('clusters', 'seen', 'buckets', key) }}

),

final as (

    select
        series.experiment_name,
        series.metric_name,
        looks.view,
        series.dimension,
        series.dimension_value,
        series.variant,
        looks.day_date,
        looks.day_number,
        bounds.value_unit_count,
        bounds.y,
        bounds.d,
        bounds.yy,
        bounds.yd,
        bounds.dd,
        bounds.quantile_value,
        bounds.lower_amount as quantile_lower,
        bounds.upper_amount as quantile_upper,
        series.declaration,
        {{ newest_load() }} as built_through_load_id
    from bounds
    inner join series
        on bounds.series_number = series.series_number
    inner join looks
        on bounds.look_number = looks.look_number

)

select * from final
{%- else %}
{{ no_quantiles() }}
{%- endif %}
