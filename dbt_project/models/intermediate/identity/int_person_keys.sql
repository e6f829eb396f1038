-- Every id that may stand for a person: one that an event carries, or one of a component.
with ids as (

    select identity as person_id from {{ ref('int_identity_sightings') }}
    union
    select person_id from {{ ref('int_identities') }}

),

final as (

    select
        {{ person_key('person_id') }} as person_key,
        person_id
    from ids

)

select * from final
