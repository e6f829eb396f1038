-- Snapshots of subscriptions whose worth a month cannot be told: an unknown period of
-- billing, or a currency without a rate. They would be missing from MRR in silence.
select
    changes.subscription_id,
    changes.recorded_at,
    changes.billing_period,
    changes.currency,
    changes.amount
from {{ ref('stg_subscription_changes') }} as changes
left join {{ ref('int_exchange_rate_days') }} as rates
    on
        upper(changes.currency) = rates.currency
        and cast(changes.recorded_at as date) = rates.rate_date
where
    changes.amount > 0
    and (
        changes.billing_period not in (
            'day', 'week', 'month', 'quarter', 'year', 'once', 'one_off', 'lifetime'
        )
        or {{ in_reporting_currency('changes.amount', 'upper(changes.currency)', 'rates.rate') }}
        is null
    )
