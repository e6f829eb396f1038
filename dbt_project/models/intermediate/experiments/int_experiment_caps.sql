-- What the totals of units are cut at. The quantiles are of units that had anything in as
-- many days as the window before the start: they are known at the start, before there is
-- an effect, and no later night moves them.
with capped_metrics as (

    select
        metrics.experiment_name,
        metrics.metric_name,
        metrics.numerator_component,
        metrics.cap_lower,
        metrics.cap_upper,
        coalesce(experiments.start_date, first_days.first_date) as start_date,
        cast(ceil(metrics.window_seconds / 86400.0) as integer) as window_days
    from {{ ref('stg_catalog_experiment_metrics') }} as metrics
    inner join {{ ref('stg_catalog_experiments') }} as experiments
        on metrics.experiment_name = experiments.experiment_name
    left join (
        select
            experiment_name,
            min(exposure_date) as first_date
        from {{ ref('int_experiment_units') }}
        where takes_part
        group by experiment_name
    ) as first_days
        on metrics.experiment_name = first_days.experiment_name
    where metrics.has_caps

),

totals as (

    select
        capped_metrics.experiment_name,
        capped_metrics.metric_name,
        amounts.unit_key,
        sum(amounts.amount) as total
    from {{ ref('int_experiment_amounts') }} as amounts
    inner join capped_metrics
        on
            amounts.component_id = capped_metrics.numerator_component
            and amounts.activity_date < capped_metrics.start_date
            and amounts.activity_date >= capped_metrics.start_date - capped_metrics.window_days
    group by capped_metrics.experiment_name, capped_metrics.metric_name, amounts.unit_key

),

ranked as (

    select
        experiment_name,
        metric_name,
        total,
        row_number() over (
            partition by experiment_name, metric_name order by total, unit_key
        ) as place,
        count(*) over (partition by experiment_name, metric_name) as unit_count
    from totals

),

final as (

    select
        capped_metrics.experiment_name,
        capped_metrics.metric_name,
        -- The smallest total with at least the share of units at or below it.
        cast(min(
            case when ranked.place >= capped_metrics.cap_lower * ranked.unit_count then ranked.total end
        ) as decimal(38, 6)) as lower_value,
        cast(min(
            case when ranked.place >= capped_metrics.cap_upper * ranked.unit_count then ranked.total end
        ) as decimal(38, 6)) as upper_value,
        count(ranked.place) as unit_count
    from capped_metrics
    left join ranked
        on
            capped_metrics.experiment_name = ranked.experiment_name
            and capped_metrics.metric_name = ranked.metric_name
    group by capped_metrics.experiment_name, capped_metrics.metric_name

)

select * from final
