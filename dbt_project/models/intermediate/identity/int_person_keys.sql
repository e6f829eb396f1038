{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        meta={'declared_by': ['event_rules_hash']}
    )
}}

-- Every id that may stand for a person: one that an event carries, or one that another
-- came with. Who comes first may change, what stands for an id does not: it is kept.
{% set mark = high_water_mark('built_through_load_id') %}

with ids as (

    select identity as person_id
    from {{ ref('int_identity_sightings') }}
    where built_through_load_id > '{{ mark }}'
    union
    select identity as person_id
    from {{ ref('int_identities') }}
    where built_through_load_id > '{{ mark }}'

),

final as (

    select
        {{ person_key('ids.person_id') }} as person_key,
        ids.person_id,
        {{ newest_load('int_landed_days') }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from ids
    {% if is_incremental() %}
    left join {{ this }} as known on ids.person_id = known.person_id
    where known.person_id is null
    {% endif %}

)

select * from final
