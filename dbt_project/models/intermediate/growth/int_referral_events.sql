{{
    config(
        materialized='incremental',
        incremental_strategy='replace_definitions',
        unique_key=['declaration', 'event_id'],
        meta={
            'definitions': {
                'list': 'declared_referrals',
                'column': 'event_date',
                'changed': 'changed_days_since',
                'persons': 'days_of_changed_persons_since'
            }
        }
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_person_properties') }}
{% set mark = high_water_mark('built_through_load_id') %}

with referral_events as (

    {{ events_of_definitions('referral_name', parts_of_referral, mark) }}

),

final as (

    select
        *,
        {{ newest_load() }} as built_through_load_id
    from referral_events

)

select * from final
