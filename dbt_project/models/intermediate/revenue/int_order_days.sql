{{
    config(
        materialized='incremental',
        incremental_strategy='replace_order_days',
        unique_key='order_id'
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_person_properties') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known_declarations = declarations_by('orders_name', this) if is_incremental() else {} %}
{% set days = order_days_to_compute(known_declarations, mark) %}
{% set computed = [] %}

with
{% for orders in declared_orders() if orders.orders_name in days %}
{% do computed.append(orders) %}
{{ orders.orders_name }}__days as (

    {{ days_of_orders(orders, days[orders.orders_name]) }}

),

{% endfor %}
order_days as (

    {% for orders in computed %}
    select
        '{{ orders.orders_name }}' as orders_name,
        '{{ orders.declaration }}' as declaration,
        *
    from {{ orders.orders_name }}__days
    union all
    {% endfor %}
    {{ no_order_days() }}

),

final as (

    select
        *,
        {{ newest_load() }} as built_through_load_id
    from order_days

)

select * from final
