{{
    config(
        materialized='incremental',
        incremental_strategy='replace_definitions',
        unique_key=['mrr_name', 'event_id'],
        meta={
            'definitions': {
                'list': 'declared_mrr_of_events',
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

with told as (

    {% for book in definitions_to_compute(mark) %}
    {{ subscription_events(book, mark) }}
    union all
    {% endfor %}
    {{ no_subscription_events() }}

),

final as (

    select
        *,
        {{ newest_load() }} as built_through_load_id
    from told

)

select * from final
