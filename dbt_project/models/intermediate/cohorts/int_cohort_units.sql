{{
    config(
        materialized='incremental',
        incremental_strategy='append_units',
        unique_key='unit_key',
        full_refresh=false
    )
}}

-- Never built in full: rows of int_cohort_days go by the numbers given here.

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_person_properties') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known_sources = unit_sources_in(this) if is_incremental() else [] %}

with found as (

    {% for source in declared_unit_sources() %}
    {{ units_of_source(source, source.id not in known_sources, mark) }}
    union all
    {% endfor %}
    {{ no_units() }}

),

new_units as (

    select found.*
    from found
    {% if is_incremental() %}
    left join {{ this }} as known
        on
            found.unit_source = known.unit_source
            and found.unit_id = known.unit_id
    where known.unit_id is null
    {% endif %}

),

final as (

    select
        unit_source,
        unit_id,
        cast(
            row_number() over (order by unit_source, unit_id)
            {% if is_incremental() %}
            + (select coalesce(max(known.unit_key), 0) from {{ this }} as known)
            {% endif %}
            as integer
        ) as unit_key,
        {{ newest_load() }} as built_through_load_id
    from new_units

)

select * from final
