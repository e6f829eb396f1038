{{
    config(
        materialized='incremental',
        incremental_strategy=replaced_by_change(),
        unique_key='person_id',
        meta={
            'changed': {
                'column': 'person_id',
                'values': 'persons_with_changed_properties',
                'mark': 'built_through_load_id'
            }
        }
    )
}}

-- Read only where there is something to build on: depends_on: {{ ref('int_event_days') }}
{% set mark = high_water_mark('built_through_load_id') %}

with latest as (

    select
        *,
        count(*) over (partition by person_id) as property_day_count
    from {{ ref('int_person_property_days') }}
    where
        person_id is not null
        {% if is_incremental() %}
        and person_id in ({{ persons_with_changed_properties(mark) }})
        {% endif %}
    qualify row_number() over (
        partition by person_id, property_name order by set_at desc, event_id desc
    ) = 1

),

told as (

    select
        person_id,
        {{ object_of('property_name', 'property_value') }} as person_properties,
        max(property_day_count) as property_day_count
    from latest
    group by person_id

),

{% if is_incremental() %}
known as (

    select
        person_id,
        person_properties,
        changed_by_load_id
    from {{ this }}
    where person_id in ({{ persons_with_changed_properties(mark) }})

),

{% endif %}
final as (

    {% if is_incremental() %}
    -- Who is left without properties keeps a row of none: it tells models downstream.
    select
        coalesce(told.person_id, known.person_id) as person_id,
        told.person_properties,
        coalesce(told.property_day_count, 0) as property_day_count,
        case
            when coalesce(told.person_properties, '') <> coalesce(known.person_properties, '')
                then {{ newest_load() }}
            else known.changed_by_load_id
        end as changed_by_load_id,
        {{ newest_load() }} as built_through_load_id
    from told
    full join known on told.person_id = known.person_id
    {% else %}
    select
        *,
        {{ newest_load() }} as changed_by_load_id,
        {{ newest_load() }} as built_through_load_id
    from told
    {% endif %}

)

select * from final
