with experiments as (

    select * from {{ ref('stg_catalog_experiments') }}

),

first_days as (

    select
        experiment_name,
        min(exposure_date) as first_date
    from {{ ref('int_experiment_units') }}
    where takes_part
    group by experiment_name

),

final as (

    select
        experiments.experiment_name,
        experiments.label,
        experiments.hypothesis,
        experiments.owner,
        experiments.template,
        experiments.status,
        experiments.unit,
        coalesce(experiments.start_date, first_days.first_date) as start_date,
        experiments.end_date,
        experiments.planned_days,
        experiments.planned_units,
        experiments.confidence,
        experiments.power,
        experiments.covariate_days,
        experiments.several_variants_limit,
        experiments.misassigned_limit,
        experiments.control_variant,
        experiments.variant_count,
        experiments.assigned_by,
        experiments.salt,
        experiments.holdout_rate,
        experiments.exclusion_group,
        experiments.slot_from,
        experiments.slot_to,
        experiments.strata,
        experiments.config_hash,
        experiments.definition
    from experiments
    left join first_days
        on experiments.experiment_name = first_days.experiment_name

)

select * from final
