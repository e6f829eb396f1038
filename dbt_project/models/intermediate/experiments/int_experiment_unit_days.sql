{{
    config(
        materialized='incremental',
        incremental_strategy='replace_experiments',
        unique_key=['experiment_name', 'metric_name', 'unit_id', 'day_date', 'is_entry'],
        meta={'day_column': 'day_date'}
    )
}}

-- Read only where there is something to build on: depends_on: {{ ref('int_event_days') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known = declarations_by('experiment_name', this) if is_incremental() else {} %}
{% set starts = experiments_to_compute(known, mark) %}
{% set continues = is_incremental() and (starts.values() | reject('equalto', '0001-01-01') | list | length) > 0 %}

with computed as (

    {{ computed_from(starts) }}
    {{ 'union all' if starts }}
    select
        cast(null as {{ dbt.type_string() }}) as experiment_name,
        cast(null as date) as from_date
    where false

),

metrics as (

    select
        metrics.*,
        computed.from_date,
        experiments.covariate_days
    from {{ ref('stg_catalog_experiment_metrics') }} as metrics
    inner join computed
        on metrics.experiment_name = computed.experiment_name
    inner join {{ ref('stg_catalog_experiments') }} as experiments
        on metrics.experiment_name = experiments.experiment_name

),

sides as (

    select
        *,
        'y' as side,
        numerator_component as component_id
    from metrics
    union all
    select
        *,
        'd' as side,
        denominator_component as component_id
    from metrics
    where denominator_component is not null

),

units as (

    select units.*
    from {{ ref('int_experiment_units') }} as units
    inner join computed
        on units.experiment_name = computed.experiment_name
    where units.takes_part

),

-- What a unit was like on the days before that of its exposure.
entries as (

    select
        sides.experiment_name,
        sides.metric_name,
        units.unit_id,
        units.exposure_date as day_date,
        {{ at_most_once("coalesce(sum(case when sides.side = 'y' then amounts.amount end), 0)", 'bool_or(sides.numerator_is_flag)') }} as x,
        {{ at_most_once("coalesce(sum(case when sides.side = 'd' then amounts.amount end), 0)", 'bool_or(sides.denominator_is_flag)') }} as w
    from {{ ref('int_experiment_amounts') }} as amounts
    inner join sides
        on amounts.component_id = sides.component_id
    inner join units
        on
            sides.experiment_name = units.experiment_name
            and amounts.unit_id = units.unit_id
            and units.exposure_date >= sides.from_date
            and amounts.activity_date < units.exposure_date
            and amounts.activity_date >= units.exposure_date - sides.covariate_days
    group by sides.experiment_name, sides.metric_name, units.unit_id, units.exposure_date

),

activity as (

    select
        sides.experiment_name,
        sides.metric_name,
        units.unit_id,
        amounts.activity_date as day_date,
        coalesce(sum(case when sides.side = 'y' then amounts.amount end), 0) as y,
        coalesce(sum(case when sides.side = 'd' then amounts.amount end), 0) as d
    from {{ ref('int_experiment_amounts') }} as amounts
    inner join sides
        on
            amounts.component_id = sides.component_id
            and amounts.activity_date >= sides.from_date
    inner join units
        on
            sides.experiment_name = units.experiment_name
            and amounts.unit_id = units.unit_id
            and {{ counts_for('amounts', 'units', 'sides') }}
    group by sides.experiment_name, sides.metric_name, units.unit_id, amounts.activity_date

),

{% if continues %}
-- What the rows that stand say of units that did something again.
earlier as (

    select
        known.experiment_name,
        known.metric_name,
        known.unit_id,
        sum(known.y) as y,
        sum(known.d) as d,
        sum(case when known.is_entry then known.x end) as x,
        sum(case when known.is_entry then known.w end) as w
    from {{ this }} as known
    inner join (
        select distinct
            experiment_name,
            metric_name,
            unit_id
        from activity
    ) as active
        on
            known.experiment_name = active.experiment_name
            and known.metric_name = active.metric_name
            and known.unit_id = active.unit_id
    inner join computed
        on
            known.experiment_name = computed.experiment_name
            and known.day_date < computed.from_date
    group by known.experiment_name, known.metric_name, known.unit_id

),

{% endif %}
totals as (

    select
        activity.experiment_name,
        activity.metric_name,
        activity.unit_id,
        activity.day_date,
        false as is_entry,
        activity.y,
        activity.d,
        coalesce(sum(activity.y) over to_the_day_before, 0)
        {{- '+ coalesce(earlier.y, 0)' if continues }} as y_before,
        coalesce(sum(activity.d) over to_the_day_before, 0)
        {{- '+ coalesce(earlier.d, 0)' if continues }} as d_before,
        coalesce(entries.x, {{ 'earlier.x,' if continues }} 0) as x,
        coalesce(entries.w, {{ 'earlier.w,' if continues }} 0) as w
    from activity
    left join entries
        on
            activity.experiment_name = entries.experiment_name
            and activity.metric_name = entries.metric_name
            and activity.unit_id = entries.unit_id
    {% if continues -%}
    left join earlier
        on
            activity.experiment_name = earlier.experiment_name
            and activity.metric_name = earlier.metric_name
            and activity.unit_id = earlier.unit_id
    {%- endif %}
    window to_the_day_before as (
        partition by activity.experiment_name, activity.metric_name, activity.unit_id
        order by activity.day_date
        rows between unbounded preceding and 1 preceding
    )
    union all
    select
        experiment_name,
        metric_name,
        unit_id,
        day_date,
        true as is_entry,
        0 as y,
        0 as d,
        0 as y_before,
        0 as d_before,
        x,
        w
    from entries

),

final as (

    select
        totals.experiment_name,
        totals.metric_name,
        totals.unit_id,
        totals.day_date,
        totals.is_entry,
        units.variant,
        units.exposure_date,
        {{ maturity_date('units', 'metrics') }} as maturity_date,
        cast({{ at_most_once('totals.y_before + totals.y', 'metrics.numerator_is_flag') }}
            - {{ at_most_once('totals.y_before', 'metrics.numerator_is_flag') }} as decimal(38, 6)) as y,
        cast({{ at_most_once('totals.y_before', 'metrics.numerator_is_flag') }} as decimal(38, 6))
            as y_before,
        cast({{ at_most_once('totals.d_before + totals.d', 'metrics.denominator_is_flag') }}
            - {{ at_most_once('totals.d_before', 'metrics.denominator_is_flag') }} as decimal(38, 6)) as d,
        cast({{ at_most_once('totals.d_before', 'metrics.denominator_is_flag') }} as decimal(38, 6))
            as d_before,
        cast(totals.x as decimal(38, 6)) as x,
        cast(totals.w as decimal(38, 6)) as w,
        units.slices,
        experiments.declaration,
        {{ newest_load() }} as built_through_load_id
    from totals
    inner join units
        on
            totals.experiment_name = units.experiment_name
            and totals.unit_id = units.unit_id
    inner join metrics
        on
            totals.experiment_name = metrics.experiment_name
            and totals.metric_name = metrics.metric_name
    inner join ({{ declarations_of_experiments() }}) as experiments
        on totals.experiment_name = experiments.experiment_name

)

select * from final
