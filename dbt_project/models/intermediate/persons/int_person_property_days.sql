{{
    config(
        materialized='incremental',
        incremental_strategy=replaced_by_change(),
        unique_key='event_date',
        partition_by=partitions(['event_date']),
        meta={
            'changed': {
                'column': 'event_date',
                'values': 'changed_days_since',
                'mark': 'built_through_load_id'
            }
        }
    )
}}

{% set mark = high_water_mark('built_through_load_id') %}

with updates as (

    select
        event_date,
        person_id,
        occurred_at,
        event_id,
        {{ json_object_text('properties', '$set') }} as set_properties
    from {{ ref('int_events') }}
    where
        person_id is not null
        and properties like '%"$set"%'
        {% if is_incremental() %}
        and {{ lies_in_changed_days('event_date', mark) }}
        {% endif %}

),

named as (

    select
        event_date,
        person_id,
        occurred_at,
        event_id,
        set_properties,
        {{ json_keys('set_properties') }} as property_name
    from updates
    where set_properties is not null

),

valued as (

    select
        event_date,
        person_id,
        property_name,
        {{ json_text_of('set_properties', 'property_name') }} as property_value,
        occurred_at as set_at,
        event_id
    from named

),

-- Properties set to null say nothing new.
last_of_day as (

    select *
    from valued
    where property_value is not null
    qualify row_number() over (
        partition by event_date, person_id, property_name
        order by set_at desc, event_id desc
    ) = 1

),

final as (

    select
        event_date,
        person_id,
        property_name,
        property_value,
        set_at,
        event_id,
        {{ newest_load() }} as built_through_load_id
    from last_of_day
    union all
    -- Days read, of nobody: where nothing was set, they would be read again each night.
    select
        event_date,
        null as person_id,
        null as property_name,
        null as property_value,
        null as set_at,
        null as event_id,
        {{ newest_load() }} as built_through_load_id
    from ({{ changed_days_since(mark) }}) as days_read

)

select * from final
