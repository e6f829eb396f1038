with latest as (

    select *
    from {{ ref('int_person_property_days') }}
    qualify row_number() over (
        partition by person_id, property_name order by set_at desc, event_id desc
    ) = 1

),

final as (

    select
        person_id,
        {{ object_of('property_name', 'property_value') }} as person_properties
    from latest
    group by person_id

)

select * from final
