{# What a subscription is worth from a moment on, until the next such moment. Every block
   yields (mrr_name, customer_id, subscription_id, valid_from, valid_to, amount, bills,
   months): so many bills of this amount cover so many months. valid_to is null while the
   state stands, amount null or 0 where it earns nothing. #}

{# From events: the last of those at one instant counts. #}
{% macro states_from_events(book) -%}
    select
        mrr_name,
        customer_id,
        subscription_id,
        occurred_at as valid_from,
        lead(occurred_at) over (
            partition by customer_id, subscription_id order by occurred_at, event_id
        ) as valid_to,
        case when not has_ended then amount end as amount,
        1 as bills,
        try_cast(months as decimal(38, 12)) as months
    from {{ ref('int_subscription_events') }}
    where
        mrr_name = '{{ book.mrr_name }}'
        and customer_id is not null
{%- endmacro %}


{# From snapshots of the landed table. The first one of a subscription also tells what
   was before it was recorded, since its start; a later one counts from its recording. #}
{% macro states_from_table(book) -%}
    select
        '{{ book.mrr_name }}' as mrr_name,
        customer_id,
        subscription_id,
        case
            when is_first then coalesce(begins_at, recorded_at)
            else greatest(recorded_at, coalesce(begins_at, recorded_at))
        end as valid_from,
        least(
            coalesce(next_recorded_at, timestamp '9999-12-31 00:00:00'),
            coalesce(stops_at, timestamp '9999-12-31 00:00:00')
        ) as valid_to,
        case when earns then amount end as amount,
        bills,
        months
    from (
        select
            changes.subscription_id,
            changes.recorded_at,
            {{ bills_in_months('changes.billing_period') }} as bills,
            {{ months_of_bills('changes.billing_period', 'changes.billing_period_count') }}
                as months,
            {{ in_reporting_currency('changes.amount', 'upper(changes.currency)', 'rates.rate') }}
                as amount,
            {% if book.customer == 'account' -%}
            coalesce(changes.account_id, changes.subscription_id) as customer_id,
            {%- else -%}
            coalesce(
                spans.person_id, {{ known_identity('changes.user_id') }},
                changes.subscription_id
            ) as customer_id,
            {%- endif %}
            row_number() over in_time = 1 as is_first,
            lead(changes.recorded_at) over in_time as next_recorded_at,
            greatest(changes.started_at, changes.trial_ends_at) as begins_at,
            case
                when changes.status in ('canceled', 'cancelled', 'ended', 'expired')
                    then coalesce(changes.ends_at, changes.canceled_at, changes.recorded_at)
                else changes.ends_at
            end as stops_at,
            coalesce(
                changes.status in {{ sql_list(fromjson(book.paying_statuses)) }}
                or changes.status in ('canceled', 'cancelled', 'ended', 'expired'),
                true
            ) as earns
        from {{ ref('stg_subscription_changes') }} as changes
        left join {{ ref('int_exchange_rate_days') }} as rates
            on
                upper(changes.currency) = rates.currency
                and cast(changes.recorded_at as date) = rates.rate_date
        {% if book.customer == 'person' -%}
        left join {{ ref('int_identity_spans') }} as spans
            on
                {{ known_identity('changes.user_id') }} = spans.identity
                and changes.recorded_at >= spans.valid_from
                and changes.recorded_at < spans.valid_to
        {%- endif %}
        where {{ "changes.source = '" ~ book.source ~ "'" if book.source else 'true' }}
        window in_time as (
            partition by changes.subscription_id order by changes.recorded_at
        )
    ) as told
{%- endmacro %}


{% macro no_subscription_states() -%}
    select
        cast(null as {{ dbt.type_string() }}) as mrr_name,
        cast(null as {{ dbt.type_string() }}) as customer_id,
        cast(null as {{ dbt.type_string() }}) as subscription_id,
        cast(null as timestamp) as valid_from,
        cast(null as timestamp) as valid_to,
        cast(null as decimal(18, 6)) as amount,
        cast(null as integer) as bills,
        cast(null as decimal(38, 12)) as months
    where false
{%- endmacro %}
