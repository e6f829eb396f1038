with source as (

    select * from {{ source('raw', 'catalog_cohort_ltv') }}

),

renamed as (

    select
        ltv_name,
        label,
        description,
        owner,
        unit,
        entry_mode,
        period,
        last_period_number,
        timezone,
        week_start,
        definition
    from source

)

select * from renamed
