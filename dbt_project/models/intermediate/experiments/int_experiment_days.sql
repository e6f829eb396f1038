-- The looks of each experiment: its whole days, from its start to the last one on which a
-- window may close.
with spans as (

    select
        experiments.experiment_name,
        coalesce(experiments.start_date, min(units.exposure_date)) as start_date,
        experiments.end_date,
        max(cast(ceil(coalesce(metrics.window_seconds / 86400.0, metrics.retention_day + 1)) as integer))
            as window_days
    from {{ ref('stg_catalog_experiments') }} as experiments
    inner join {{ ref('stg_catalog_experiment_metrics') }} as metrics
        on experiments.experiment_name = metrics.experiment_name
    left join (
        select
            experiment_name,
            min(exposure_date) as exposure_date
        from {{ ref('int_experiment_units') }}
        where takes_part
        group by experiment_name
    ) as units
        on experiments.experiment_name = units.experiment_name
    where experiments.status <> 'draft'
    group by experiments.experiment_name, experiments.start_date, experiments.end_date

),

final as (

    select
        spans.experiment_name,
        calendar.date_day as day_date,
        cast({{ count_between('spans.start_date', 'calendar.date_day', 'day') }} as integer)
            as day_number,
        calendar.date_day = max(calendar.date_day) over (partition by spans.experiment_name)
            as is_last_day,
        spans.end_date is null or calendar.date_day < spans.end_date as is_exposure_day
    from {{ ref('int_calendar_days') }} as calendar
    inner join spans
        on
            calendar.date_day >= spans.start_date
            and (
                spans.end_date is null
                or calendar.date_day <= spans.end_date + spans.window_days
            )
    where calendar.is_complete

)

select * from final
