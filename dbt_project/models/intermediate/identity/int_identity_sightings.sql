{{
    config(
        materialized='incremental',
        unique_key='identity',
        meta={'declared_by': ['event_rules_hash']}
    )
}}

{% set mark = high_water_mark('built_through_load_id') %}

with sightings as (

    select
        user_id as identity,
        occurred_at,
        true as is_user
    from {{ ref('stg_events') }}
    where
        load_id > '{{ mark }}'
        and user_id is not null
    union all
    select
        anonymous_id as identity,
        occurred_at,
        false as is_user
    from {{ ref('stg_events') }}
    where
        load_id > '{{ mark }}'
        and anonymous_id is not null

),

first_sightings as (

    select
        identity,
        min(occurred_at) as first_seen_at,
        bool_or(is_user) as is_user
    from sightings
    group by identity

),

{% if is_incremental() %}
known_sightings as (

    select
        known.identity,
        known.first_seen_at,
        known.is_user
    from {{ this }} as known
    inner join first_sightings on known.identity = first_sightings.identity

),
{% endif %}

all_sightings as (

    select * from first_sightings
    {% if is_incremental() %}
    union all
    select * from known_sightings
    {% endif %}

),

final as (

    select
        identity,
        min(first_seen_at) as first_seen_at,
        bool_or(is_user) as is_user,
        {{ newest_load('int_landed_days') }} as built_through_load_id,
        {{ declaration_hash() }} as declaration_hash
    from all_sightings
    group by identity

)

select * from final
