with funnels as (

    select * from {{ ref('stg_catalog_funnels') }}

),

final as (

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
        range_from,
        range_to,
        range_applies_to,
        definition
    from funnels

)

select * from final
