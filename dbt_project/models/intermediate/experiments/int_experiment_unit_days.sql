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
{% set continues = is_incremental() and some_go_on(starts) %}
-- Sums of denominators that no metric has would cost a quarter of the whole.
{% set divides = some_metrics_divide() %}

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

sides as (

    select
        *,
        'y' as side,
        numerator_component as component_id
    from metrics
    {% if divides -%}
    union all
    select
        *,
        'd' as side,
        denominator_component as component_id
    from metrics
    where denominator_component is not null
    {%- endif %}

),

-- A night that goes on needs those who came since, and those who did something again: a
-- fifth of a million, and every later join is the smaller for it.
units as (

    select
        units.experiment_name,
        units.unit_id,
        units.unit_key,
        units.variant,
        units.exposed_at,
        units.exposure_date,
        units.conflict_date,
        units.slices,
        computed.experiment_key,
        computed.from_date
    from {{ ref('int_experiment_units') }} as units
    inner join computed
        on units.experiment_name = computed.experiment_name
    where
        units.takes_part
        {% if continues -%}
        and (
            units.exposure_date >= computed.from_date
            or units.unit_id in (
                select amounts.unit_id
                from {{ ref('int_experiment_amounts') }} as amounts
                where amounts.activity_date >= {{ first_computed_day(starts) }}
            )
        )
        {%- endif %}

),

-- Amounts of a unit within its window by day, and those of the days before its exposure
-- as one row of that day. A whole build finds both in one join; a night looks for new
-- amounts of all units, and for earlier amounts of new units: small sides of two joins.
amounts as {{ inline_cte() }} (

    select
        sides.experiment_key,
        sides.metric_key,
        sides.side,
        sides.from_date,
        sides.covariate_days,
        sides.window_seconds,
        sides.retention_day,
        amounts.unit_id,
        amounts.activity_date,
        amounts.occurred_at,
        amounts.since_at,
        amounts.previous_at,
        amounts.amount
    from {{ ref('int_experiment_amounts') }} as amounts
    inner join sides
        on amounts.component_id = sides.component_id
    {% if continues -%}
    where amounts.activity_date >= {{ first_computed_day(starts) }} - {{ longest_covariate_days() }}
    {%- endif %}

),

matched as (

    {% if continues %}
    select {{ unit_day_columns(divides) }}
    from units
    inner join (
        select * from amounts
        where
            activity_date >= from_date
            and activity_date >= {{ first_computed_day(starts) }}
    ) as amounts
        on
            units.unit_id = amounts.unit_id
            and units.experiment_key = amounts.experiment_key
            and {{ counts_for('amounts', 'units', 'amounts') }}
    group by metric_key, unit_key, is_entry, day_date
    union all
    select {{ unit_day_columns(divides) }}
    from amounts
    inner join (
        select * from units
        where exposure_date >= from_date
    ) as units
        on
            amounts.unit_id = units.unit_id
            and amounts.experiment_key = units.experiment_key
            and {{ lies_before('amounts', 'units') }}
    group by metric_key, unit_key, is_entry, day_date
    {% else %}
    select {{ unit_day_columns(divides) }}
    from amounts
    inner join units
        on
            amounts.unit_id = units.unit_id
            and amounts.experiment_key = units.experiment_key
            and (
                {{ counts_for('amounts', 'units', 'amounts') }}
                or {{ lies_before('amounts', 'units') }}
            )
    group by metric_key, unit_key, is_entry, day_date
    {% endif %}

),

{% if continues %}
-- What the rows that stand say of units that did something again.
earlier as (

    select
        metrics.metric_key,
        units.unit_key,
        sum(known.y) as y,
        sum(case when known.is_entry then known.x end) as x,
        {% if divides -%}
        sum(known.d) as d,
        sum(case when known.is_entry then known.w end) as w
        {%- else -%}
        0 as d,
        0 as w
        {%- endif %}
    from {{ this }} as known
    inner join (
        select * from units
        where exposure_date < from_date
    ) as units
        on
            known.unit_id = units.unit_id
            and known.experiment_name = units.experiment_name
            and known.day_date < units.from_date
    inner join metrics
        on
            known.experiment_name = metrics.experiment_name
            and known.metric_name = metrics.metric_name
    group by metrics.metric_key, units.unit_key

),

{% endif %}
in_order as (

    select
        metric_key,
        unit_key,
        is_entry,
        day_date,
        case when is_entry then 0 else y end as y,
        sum(case when is_entry then 0 else y end) over up_to_the_day as y_after,
        sum(case when is_entry then y else 0 end) over up_to_the_day as x,
        {% if divides -%}
        case when is_entry then 0 else d end as d,
        sum(case when is_entry then 0 else d end) over up_to_the_day as d_after,
        sum(case when is_entry then d else 0 end) over up_to_the_day as w
        {%- else -%}
        0 as d,
        0 as d_after,
        0 as w
        {%- endif %}
    from matched
    window up_to_the_day as (
        partition by metric_key, unit_key
        order by is_entry desc, day_date asc
        rows between unbounded preceding and current row
    )

),

totals as (

    select
        in_order.*,
        in_order.y_after - in_order.y {{- ' + coalesce(earlier.y, 0)' if continues }} as y_before,
        in_order.d_after - in_order.d {{- ' + coalesce(earlier.d, 0)' if continues }} as d_before,
        in_order.x {{- ' + coalesce(earlier.x, 0)' if continues }} as numerator_before,
        in_order.w {{- ' + coalesce(earlier.w, 0)' if continues }} as denominator_before
    from in_order
    {% if continues -%}
    left join earlier
        on
            in_order.unit_key = earlier.unit_key
            and in_order.metric_key = earlier.metric_key
    {%- endif %}

),

final as (

    select
        metrics.experiment_name,
        metrics.metric_name,
        units.unit_id,
        totals.day_date,
        totals.is_entry,
        units.variant,
        units.exposure_date,
        {{ maturity_date('units', 'metrics') }} as maturity_date,
        cast({{ at_most_once('totals.y_before + totals.y', 'metrics.numerator_is_flag') }}
            - {{ at_most_once('totals.y_before', 'metrics.numerator_is_flag') }} as decimal(18, 6)) as y,
        cast({{ at_most_once('totals.y_before', 'metrics.numerator_is_flag') }} as decimal(18, 6))
            as y_before,
        cast({{ at_most_once('totals.d_before + totals.d', 'metrics.denominator_is_flag') }}
            - {{ at_most_once('totals.d_before', 'metrics.denominator_is_flag') }} as decimal(18, 6)) as d,
        cast({{ at_most_once('totals.d_before', 'metrics.denominator_is_flag') }} as decimal(18, 6))
            as d_before,
        cast({{ at_most_once('totals.numerator_before', 'metrics.numerator_is_flag') }} as decimal(18, 6))
            as x,
        cast({{ at_most_once('totals.denominator_before', 'metrics.denominator_is_flag') }} as decimal(18, 6))
            as w,
        units.slices,
        metrics.declaration,
        {{ newest_load() }} as built_through_load_id
    from totals
    inner join units
        on totals.unit_key = units.unit_key
    inner join metrics
        on totals.metric_key = metrics.metric_key

)

select * from final
