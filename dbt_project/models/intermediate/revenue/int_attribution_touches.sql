{{
    config(
        materialized='incremental',
        incremental_strategy='replace_attribution',
        unique_key='conversion_id'
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_session_days') }}
-- depends_on: {{ ref('int_sessions') }}
-- depends_on: {{ ref('int_person_properties') }}

-- One block of SQL per declared attribution (macros/attribution). One whose declaration
-- is new or changed is computed over all history, every other one for the conversions of
-- changed days and those that may follow a session which starts on one.
{% set mark = high_water_mark('built_through_load_id') %}
{% set known_declarations = declarations_by('attribution_name', this) if is_incremental() else {} %}
{% set days = attribution_days_to_compute(known_declarations, mark) %}
{% set computed = [] %}

with
{% for attribution in declared_attributions() if attribution.attribution_name in days %}
{% do computed.append(attribution) %}
{{ attribution.attribution_name }}__touches as (

    {{ touches_of_attribution(attribution, days[attribution.attribution_name], this) }}

),

{% endfor %}
touches as (

    {% for attribution in computed %}
    select
        '{{ attribution.attribution_name }}' as attribution_name,
        '{{ attribution.declaration }}' as declaration,
        *
    from {{ attribution.attribution_name }}__touches
    union all
    {% endfor %}
    {{ no_touches_of_attribution() }}

),

final as (

    select
        *,
        {{ newest_load() }} as built_through_load_id
    from touches

)

select * from final
