{{
    config(
        materialized='incremental',
        incremental_strategy=replaced_by_change(),
        unique_key='event_date',
        partition_by=partitions(['event_date']),
        meta={
            'declared_by': ['event_rules_hash'],
            'changed': {
                'column': 'event_date', 'values': 'changed_days_since', 'mark': 'load_id'
            }
        }
    )
}}

-- Read only where there is something to build on: depends_on: {{ ref('int_event_days') }}
{% set mark = high_water_mark('load_id') %}

-- New copies, and the winners so far of every day they touch. The winner is a minimum,
-- so choosing among winners and new copies equals choosing among all copies.
with candidates as {{ inline_cte() }} (

    select {{ listed(landed_event_columns()) }}
    from {{ ref('stg_events') }}
    where load_id > '{{ mark }}'
    {% if is_incremental() %}
    union all
    select {{ listed(landed_event_columns()) }}
    from {{ this }}
    where {{ lies_in_changed_days('event_date', mark) }}
    {% endif %}

),

repeated_ids as (

    select event_id
    from candidates
    group by event_id
    having count(*) > 1

),

winning_copies as (

    select candidates.*
    from candidates
    inner join repeated_ids on candidates.event_id = repeated_ids.event_id
    qualify row_number() over (
        partition by candidates.event_id
        order by
            candidates.received_at nulls last,
            {{ row_fingerprint('candidates', landed_event_columns()) }}
    ) = 1

),

deduplicated as (

    select candidates.*
    from candidates
    left join repeated_ids on candidates.event_id = repeated_ids.event_id
    where repeated_ids.event_id is null
    union all
    select * from winning_copies

),

persons as (

    select
        identity,
        valid_from,
        valid_to,
        person_id
    from {{ ref('int_identity_spans') }}

),

final as (

    select
        events.*,
        coalesce(persons.person_id, {{ looked_up_identity('events') }}) as person_id,
        coalesce({{ setting('bot_filter_sql') }}, false) as is_bot,
        coalesce({{ setting('internal_filter_sql') }}, false) as is_internal,
        {{ declaration_hash() }} as declaration_hash
    from deduplicated as events
    left join persons
        on
            {{ looked_up_identity('events') }} = persons.identity
            and events.occurred_at >= persons.valid_from
            and events.occurred_at < persons.valid_to

)

select * from final
