with source as (

    select * from {{ source('raw', 'catalog_funnels') }}

),

renamed as (

    select
        funnel_name,
        label,
        description,
        owner,
        semantics,
        step_order,
        entry_mode,
        ties,
        window_seconds,
        step_count,
        counting,
        unit,
        periods,
        range_from,
        range_to,
        range_applies_to,
        histogram_from_step,
        histogram_to_step,
        histogram_bins,
        has_exclusions,
        definition_hash,
        definition
    from source

)

select * from renamed
