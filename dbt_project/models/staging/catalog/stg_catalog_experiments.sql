with source as (

    select * from {{ source('raw', 'catalog_experiments') }}

),

renamed as (

    select
        experiment_name,
        label,
        hypothesis,
        owner,
        template,
        status,
        unit,
        unit_sql,
        start_date,
        end_date,
        planned_days,
        planned_units,
        confidence,
        power,
        covariate_days,
        several_variants_limit,
        misassigned_limit,
        control_variant,
        variant_count,
        assigned_by,
        salt,
        holdout_rate,
        exclusion_group,
        slot_from,
        slot_to,
        slice_limit,
        strata,
        config_hash,
        definition
    from source

)

select * from renamed
