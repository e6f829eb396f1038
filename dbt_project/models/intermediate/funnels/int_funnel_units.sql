{{
    config(
        materialized='incremental',
        incremental_strategy='replace_funnel_units',
        unique_key=['funnel_name', 'breakdown', 'unit_id']
    )
}}

-- Known only in a run, so dbt is told: depends_on: {{ ref('int_event_days') }}

-- The first or last touch of a unit holds for all its attempts, however old: the mark is
-- kept where the group did not change, so that what follows recounts no more than it must.
{% set mark = high_water_mark('built_through_load_id') %}
{% set known_declarations = declarations_by('funnel_name', this) if is_incremental() else {} %}
{% set days = funnel_days_to_compute(known_declarations, mark, with_window=false) %}

with touches as (

    select * from {{ ref('int_funnel_touches') }}

),

touched_units as (

    select
        funnel_name,
        breakdown,
        unit_id
    from touches
    where {{ lies_in_days_of(days, 'funnel_name', 'touch_date') }}
    {% if is_incremental() -%}
    union
    select
        funnel_name,
        breakdown,
        unit_id
    from {{ this }}
    where
        {{ lies_in_days_of(days, 'funnel_name', 'touch_date') }}
        and {{ is_declared(declared_funnels(), 'funnel_name') }}
    {%- else -%}
    group by funnel_name, breakdown, unit_id
    {%- endif %}

),

decisive_touches as (

    select touches.*
    from touches
    inner join touched_units
        on
            touches.funnel_name = touched_units.funnel_name
            and touches.breakdown = touched_units.breakdown
            and touches.unit_id = touched_units.unit_id
    qualify row_number() over (
        partition by touches.funnel_name, touches.breakdown, touches.unit_id
        order by
            case when touches.attribution = 'first_touch' then touches.touched_at end,
            case when touches.attribution = 'first_touch' then touches.event_id end,
            touches.touched_at desc,
            touches.event_id desc
    ) = 1

),

final as (

    {% if is_incremental() -%}
    select
        touched_units.funnel_name,
        touched_units.breakdown,
        touched_units.unit_id,
        coalesce(decisive.person_id, known.person_id) as person_id,
        decisive.touch_date,
        coalesce(decisive.breakdown_value, '(none)') as breakdown_value,
        coalesce(decisive.declaration, known.declaration) as declaration,
        case
            when
                known.breakdown_value = coalesce(decisive.breakdown_value, '(none)')
                and known.declaration = decisive.declaration
                then known.built_through_load_id
            else {{ newest_load() }}
        end as built_through_load_id
    from touched_units
    left join decisive_touches as decisive
        on
            touched_units.funnel_name = decisive.funnel_name
            and touched_units.breakdown = decisive.breakdown
            and touched_units.unit_id = decisive.unit_id
    left join {{ this }} as known
        on
            touched_units.funnel_name = known.funnel_name
            and touched_units.breakdown = known.breakdown
            and touched_units.unit_id = known.unit_id
    {%- else -%}
    select
        funnel_name,
        breakdown,
        unit_id,
        person_id,
        touch_date,
        breakdown_value,
        declaration,
        {{ newest_load() }} as built_through_load_id
    from decisive_touches
    {%- endif %}

)

select * from final
