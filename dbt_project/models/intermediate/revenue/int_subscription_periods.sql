-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_subscription_events') }}
-- depends_on: {{ ref('stg_subscription_changes') }}
-- depends_on: {{ ref('int_exchange_rate_days') }}
-- depends_on: {{ ref('int_identity_spans') }}
with states as (

    {% for book in declared_mrr() %}
    {{ states_from_events(book) if book.reads_events else states_from_table(book) }}
    union all
    {% endfor %}
    {{ no_subscription_states() }}

),

final as (

    select
        mrr_name,
        customer_id,
        subscription_id,
        valid_from,
        coalesce(valid_to, timestamp '9999-12-31 00:00:00') as valid_to,
        {{ monthly_amount('amount', 'bills', 'months') }} as monthly_amount
    from states
    where
        amount > 0
        and months > 0
        and valid_from < coalesce(valid_to, timestamp '9999-12-31 00:00:00')

)

select * from final
