{# The events that say what a subscription is worth from then on. #}
{% macro subscription_events(book, mark) -%}
    select
        '{{ book.mrr_name }}' as mrr_name,
        '{{ book.declaration }}' as declaration,
        event_date,
        event_id,
        occurred_at,
        cast({{ 'person_id' if book.customer == 'person' else book.account_sql }}
            as {{ dbt.type_string() }}) as customer_id,
        cast({{ book.subscription_sql or "''" }} as {{ dbt.type_string() }})
            as subscription_id,
        coalesce({{ book.ended_filter_sql }}, false) as has_ended,
        try_cast({{ book.amount_sql }} as decimal(18, 6)) as amount,
        cast({{ book.months_sql }} as double) as months
    from {{ ref('int_events') }}
    {{ joined_person_properties(book) }}
    where
        (({{ book.changed_filter_sql }}) or ({{ book.ended_filter_sql }}))
        {% if not book.is_whole -%}
        and {{ lies_on('event_date', changed_dates(changed_days_of(book, mark), 'event_date')) }}
        {% endif -%}
        {{ and_kept_traffic(book) }}
{%- endmacro %}


{% macro no_subscription_events() -%}
    select
        cast(null as {{ dbt.type_string() }}) as mrr_name,
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as date) as event_date,
        cast(null as {{ dbt.type_string() }}) as event_id,
        cast(null as timestamp) as occurred_at,
        cast(null as {{ dbt.type_string() }}) as customer_id,
        cast(null as {{ dbt.type_string() }}) as subscription_id,
        cast(null as boolean) as has_ended,
        cast(null as decimal(18, 6)) as amount,
        cast(null as double) as months
    where false
{%- endmacro %}
