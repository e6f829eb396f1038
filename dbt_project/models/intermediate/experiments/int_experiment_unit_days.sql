{{
    config(
        materialized='incremental',
        incremental_strategy='replace_experiments',
        unique_key=['experiment_name', 'metric_name', 'unit_key', 'day_date', 'is_entry'],
        meta={'day_column': 'day_date'}
    )
}}

-- Read only where there is something to build on: depends_on: {{ ref('int_event_days') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known = declarations_by('experiment_name', this) if is_incremental() else {} %}
{% set starts = experiments_to_compute(known, mark) %}
{% set continues = is_incremental() and some_go_on(starts) %}
{% set first_day = first_computed_day(starts) if continues %}

with computed as (

    {{ computed_from(starts) }}

),

metrics as (

    select
        metrics.*,
        row_number() over (order by metrics.experiment_name, metrics.position) as metric_key,
        computed.experiment_key,
        computed.from_date,
        experiments.covariate_days,
        declarations.declaration
    from {{ ref('stg_catalog_experiment_metrics') }} as metrics
    inner join computed
        on metrics.experiment_name = computed.experiment_name
    inner join {{ ref('stg_catalog_experiments') }} as experiments
        on metrics.experiment_name = experiments.experiment_name
    inner join ({{ declarations_of_experiments() }}) as declarations
        on metrics.experiment_name = declarations.experiment_name

),

units as {{ inline_cte() }} (

    select
        units.unit_key,
        units.exposed_at,
        units.exposure_date,
        units.conflict_date,
        computed.experiment_key,
        computed.from_date
    from {{ ref('int_experiment_units') }} as units
    inner join computed
        on units.experiment_name = computed.experiment_name
    where units.takes_part

),

amounts as {{ inline_cte() }} (

    {{ amounts_by_metric('metrics', first_day) }}

),

unit_days as (

    select
        metric_key,
        unit_key,
        is_entry,
        day_date,
        {{ total_of_side('y') }} as y,
        {{ total_of_side('d') }} as d
    from ({{ amounts_of_units(first_day) }}) as matched
    group by metric_key, unit_key, is_entry, day_date

),

-- The number of the unit stands first: sorted by that of the metric, which is often one
-- and the same, it takes twice as long.
in_order as (

    select
        *,
        {{ up_to_the_day('y') }} as y_after,
        {{ up_to_the_day('y', of_entries=true) }} as x,
        {{ up_to_the_day('d') }} as d_after,
        {{ up_to_the_day('d', of_entries=true) }} as w
    from unit_days
    window up_to_the_day as (
        partition by unit_key, metric_key
        order by is_entry desc, day_date asc
        rows between unbounded preceding and current row
    )

),

-- With what the rows that stand say of units that did something again.
totals as (

    {{ after_earlier_days('in_order', 'unit_days', 'metrics', starts if continues else none) }}

),

final as (

    select
        metrics.experiment_name,
        metrics.metric_name,
        totals.unit_key,
        totals.day_date,
        totals.is_entry,
        {%- for total, before, flag in [('y', 'x', 'numerator'), ('d', 'w', 'denominator')] %}
        cast({{ at_most_once('totals.' ~ total ~ '_after', 'metrics.' ~ flag ~ '_is_flag') }}
            - {{ at_most_once('totals.' ~ total ~ '_before', 'metrics.' ~ flag ~ '_is_flag') }} as decimal(18, 6)) as {{ total }},
        cast({{ at_most_once('totals.' ~ total ~ '_before', 'metrics.' ~ flag ~ '_is_flag') }} as decimal(18, 6))
            as {{ total }}_before,
        cast({{ at_most_once('totals.' ~ before, 'metrics.' ~ flag ~ '_is_flag') }} as decimal(18, 6))
            as {{ before }},
        {%- endfor %}
        metrics.declaration,
        {{ newest_load() }} as built_through_load_id
    from totals
    inner join metrics
        on totals.metric_key = metrics.metric_key

)

select * from final
