{{
    config(
        materialized='incremental',
        incremental_strategy='replace_experiments',
        unique_key=['experiment_name', 'metric_name', 'variant', 'percentile'],
        meta={'day_column': 'day_date', 'replaced_by': ['experiment_name']}
    )
}}

-- Experiments whose last look is a new one, or that news concern: what is over and has
-- none is not read again.
-- Read only where there is something to build on: depends_on: {{ ref('int_event_days') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known = declarations_by('experiment_name', this) if is_incremental() else {} %}
{% set starts = experiments_to_compute(known, mark) %}

with metrics as (

    select
        metrics.*,
        days.day_date
    from ({{ metrics_of_experiments() }}) as metrics
    inner join {{ ref('int_experiment_days') }} as days
        on
            metrics.experiment_name = days.experiment_name
            and days.is_last_day
    left join ({{ computed_from(starts) }}) as computed
        on metrics.experiment_name = computed.experiment_name
    {% if is_incremental() -%}
    left join (
        select
            experiment_name,
            max(day_date) as day_date
        from {{ this }}
        group by experiment_name
    ) as told
        on metrics.experiment_name = told.experiment_name
    {% endif -%}
    where
        metrics.role in ('success', 'guardrail')
        and metrics.metric_kind in ('mean', 'ratio', 'quantile')
        and (
            computed.experiment_name is not null
            {% if is_incremental() -%}
            or coalesce(told.day_date <> days.day_date, true)
            {%- endif %}
        )

),

totals as (

    {{ totals_of_units('metrics') }}

),

closed as (

    select
        sums.experiment_name,
        sums.metric_name,
        sums.variant,
        sums.unit_count
    from {{ ref('int_experiment_sums') }} as sums
    inner join metrics
        on
            sums.experiment_name = metrics.experiment_name
            and sums.metric_name = metrics.metric_name
            and sums.day_date = metrics.day_date
            and metrics.metric_kind = 'mean'
    where
        sums.view = 'closed'
        and sums.dimension = 'all'
        and not sums.is_capped

),

counted as (

    {{ values_of_units('totals', 'closed') }}
    union all
    {{ values_of_amounts('metrics') }}

),

percentiles as (

    {{ percentiles_of_values('counted') }}

),

final as (

    select
        percentiles.*,
        metrics.day_date,
        metrics.declaration,
        {{ newest_load() }} as built_through_load_id
    from percentiles
    inner join metrics
        on
            percentiles.experiment_name = metrics.experiment_name
            and percentiles.metric_name = metrics.metric_name

)

select * from final
