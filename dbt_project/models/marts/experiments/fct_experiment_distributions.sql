with metrics as (

    select
        metrics.experiment_name,
        metrics.metric_name,
        metrics.metric_kind,
        days.day_date
    from {{ ref('stg_catalog_experiment_metrics') }} as metrics
    inner join {{ ref('int_experiment_days') }} as days
        on
            metrics.experiment_name = days.experiment_name
            and days.is_last_day
    where
        metrics.role in ('success', 'guardrail')
        and metrics.metric_kind in ('mean', 'ratio')

),

totals as (

    select
        unit_days.experiment_name,
        unit_days.metric_name,
        unit_days.variant,
        metrics.metric_kind,
        sum(unit_days.y) as y,
        sum(unit_days.d) as d
    from {{ ref('int_experiment_unit_days') }} as unit_days
    inner join metrics
        on
            unit_days.experiment_name = metrics.experiment_name
            and unit_days.metric_name = metrics.metric_name
            and unit_days.maturity_date <= metrics.day_date
            and unit_days.day_date <= metrics.day_date
    left join (
        select
            experiment_name,
            unit_id,
            conflict_date
        from {{ ref('int_experiment_units') }}
        where conflict_date is not null
    ) as doubtful
        on
            unit_days.experiment_name = doubtful.experiment_name
            and unit_days.unit_id = doubtful.unit_id
            and metrics.day_date >= doubtful.conflict_date
    where doubtful.unit_id is null
    group by
        unit_days.experiment_name,
        unit_days.metric_name,
        unit_days.variant,
        metrics.metric_kind,
        unit_days.unit_id

),

-- Units without any row are those that did nothing; a ratio they do not have.
measured as (

    select
        experiment_name,
        metric_name,
        variant,
        case
            when metric_kind = 'mean' then cast(y as double)
            else cast(y as double) / nullif(cast(d as double), 0)
        end as unit_value,
        count(*) as unit_count
    from totals
    where
        metric_kind = 'mean'
        or d <> 0
    group by experiment_name, metric_name, variant, unit_value
    union all
    select
        sums.experiment_name,
        sums.metric_name,
        sums.variant,
        0 as unit_value,
        sums.unit_count - coalesce(active.unit_count, 0) as unit_count
    from {{ ref('int_experiment_sums') }} as sums
    inner join metrics
        on
            sums.experiment_name = metrics.experiment_name
            and sums.metric_name = metrics.metric_name
            and sums.day_date = metrics.day_date
    left join (
        select
            experiment_name,
            metric_name,
            variant,
            count(*) as unit_count
        from totals
        group by experiment_name, metric_name, variant
    ) as active
        on {{ agree_in('sums', 'active', ['experiment_name', 'metric_name', 'variant']) }}
    where
        sums.view = 'closed'
        and sums.dimension = 'all'
        and not sums.is_capped
        and metrics.metric_kind = 'mean'

),

cumulated as (

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
    from measured
    where unit_count > 0
    group by experiment_name, metric_name, variant, unit_value

),

final as (

    select
        cumulated.experiment_name,
        cumulated.metric_name,
        cumulated.variant,
        variants.is_control,
        cast(percentiles.percentile as integer) as percentile,
        cumulated.unit_value,
        cast(cumulated.all_units as bigint) as unit_count,
        metrics.day_date
    from cumulated
    inner join metrics
        on
            cumulated.experiment_name = metrics.experiment_name
            and cumulated.metric_name = metrics.metric_name
    inner join {{ ref('stg_catalog_experiment_variants') }} as variants
        on
            cumulated.experiment_name = variants.experiment_name
            and cumulated.variant = variants.variant
    -- The smallest value that so many units have at most.
    inner join (
        values
        {% for percentile in range(1, 100) -%}
        ({{ percentile }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as percentiles (percentile)
        on
            percentiles.percentile * cumulated.all_units <= 100 * cumulated.units_so_far
            and percentiles.percentile * cumulated.all_units
            > 100 * (cumulated.units_so_far - cumulated.unit_count)

)

select * from final
