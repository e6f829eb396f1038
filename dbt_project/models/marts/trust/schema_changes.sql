with fields as (

    select * from {{ ref('stg_load_fields') }}

),

first_loads as (

    select
        source,
        event_name,
        min(load_id) as first_load_id
    from fields
    group by source, event_name

),

ranked as (

    select
        *,
        min(load_id) over (
            partition by source, event_name, property_name
        ) as property_first_load_id
    from fields

),

final as (

    select
        ranked.source,
        ranked.event_name,
        ranked.property_name,
        ranked.json_type,
        ranked.load_id as first_seen_load_id,
        ranked.committed_at as first_seen_at,
        case
            when ranked.load_id = first_loads.first_load_id then 'initial'
            when ranked.load_id = ranked.property_first_load_id then 'new_property'
            else 'new_type'
        end as change_kind
    from ranked
    inner join first_loads
        on
            ranked.source = first_loads.source
            and ranked.event_name = first_loads.event_name

)

select * from final
