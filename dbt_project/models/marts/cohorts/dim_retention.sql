with retention as (

    select * from {{ ref('stg_catalog_retention') }}

),

final as (

    select
        retention_name,
        label,
        description,
        owner,
        entry_mode,
        retention_type,
        period,
        clock,
        min_occurrences,
        timezone,
        week_start,
        definition
    from retention

)

select * from final
