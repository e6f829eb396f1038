with spells as (

    select * from {{ ref('int_usage_spells') }}

),

final as (

    select
        segmentation_name,
        person_id,
        started_on,
        last_active_on,
        churned_on,
        case when churned_on is not null then true end as is_churned
    from spells

)

select * from final
