{{
    config(
        materialized='incremental',
        incremental_strategy=replaced_by_change(),
        unique_key='event_date',
        partition_by=partitions(['event_date']),
        meta={
            'declared_by': ['event_rules_hash'],
            'changed': {
                'column': 'event_date',
                'values': 'changed_days_since',
                'mark': 'load_id',
                'row': 'event_id'
            }
        }
    )
}}

-- Read only where there is something to build on: depends_on: {{ ref('int_event_days') }}
{% set mark = high_water_mark('load_id') %}
{% set writes_whole_days = replaced_by_change() == 'insert_overwrite' %}

-- New copies, and the winners so far of every day they touch. The winner is a minimum,
-- so choosing among winners and new copies equals choosing among all copies. Few ids are
-- repeated: only their copies are compared, and only copies that stay are normalised.
-- A winner that stays what it was is not written again, unless whole days are.
with new_copies as {{ inline_cte() }} (

    select {{ listed(landed_event_columns()) }}
    from {{ ref('stg_events') }}
    where load_id > '{{ mark }}'

),

{% if is_incremental() %}
winners_so_far as {{ inline_cte() }} (

    select {{ listed(normalised_event_columns()) }}
    from {{ this }}
    where {{ lies_in_changed_days('event_date', mark) }}

),

{% endif %}
repeated_ids as (

    select event_id
    from (
        select event_id from new_copies
        {% if is_incremental() %}
        union all
        select event_id from winners_so_far
        {% endif %}
    ) as copies
    group by event_id
    having count(*) > 1

),

new_single_copies as {{ inline_cte() }} (

    select new_copies.*
    from new_copies
    left join repeated_ids on new_copies.event_id = repeated_ids.event_id
    where repeated_ids.event_id is null

),

new_repeated_copies as (

    select new_copies.*
    from new_copies
    inner join repeated_ids on new_copies.event_id = repeated_ids.event_id

),

normalised_singles as {{ inline_cte() }} ({{ normalised_events('new_single_copies') }}),

normalised_repeated as ({{ normalised_events('new_repeated_copies') }}),

repeated_copies as (

    select {{ listed(normalised_event_columns()) }} from normalised_repeated
    {% if is_incremental() %}
    union all
    select winners_so_far.*
    from winners_so_far
    inner join repeated_ids on winners_so_far.event_id = repeated_ids.event_id
    {% endif %}

),

winning_copies as (

    select *
    from repeated_copies
    qualify row_number() over (
        partition by event_id
        order by
            received_at nulls last,
            {{ row_fingerprint('repeated_copies', normalised_event_columns()) }}
    ) = 1

),

persons as (

    select
        identity,
        valid_from,
        valid_to,
        person_id
    from {{ ref('int_identity_spans') }}

),

{% if is_incremental() and not writes_whole_days %}
reassigned_ids as (

    select known.event_id
    from {{ this }} as known
    left join persons
        on
            {{ looked_up_identity('known') }} = persons.identity
            and known.occurred_at >= persons.valid_from
            and known.occurred_at < persons.valid_to
    where
        {{ lies_in_changed_days('known.event_date', mark) }}
        and known.person_id
        is distinct from coalesce(persons.person_id, {{ looked_up_identity('known') }})

),

{% endif %}
deduplicated as (

    select {{ listed(normalised_event_columns()) }} from normalised_singles
    {% if is_incremental() %}
    union all
    select winners_so_far.*
    from winners_so_far
    left join repeated_ids on winners_so_far.event_id = repeated_ids.event_id
    where
        repeated_ids.event_id is null
        {% if not writes_whole_days %}
        and winners_so_far.event_id in (select event_id from reassigned_ids)
        {% endif %}
    {% endif %}
    union all
    select * from winning_copies

),

of_persons as (

    select
        events.*,
        coalesce(persons.person_id, {{ looked_up_identity('events') }}) as person_id,
        {{ text_key(looked_up_identity('events')) }} as identity_key
    from deduplicated as events
    left join persons
        on
            {{ looked_up_identity('events') }} = persons.identity
            and events.occurred_at >= persons.valid_from
            and events.occurred_at < persons.valid_to

),

final as (

    select
        *,
        {{ person_key('person_id') }} as person_key,
        {{ text_key('event_id') }} as event_key,
        {{ text_key("''") }} as keyed_by,
        coalesce({{ setting('bot_filter_sql') }}, false) as is_bot,
        coalesce({{ setting('internal_filter_sql') }}, false) as is_internal,
        coalesce(platform, '') in {{ sql_list(fromjson(setting('server_platforms'))) }}
        and anonymous_id is null
        and device_type is null as is_of_server,
        {{ declaration_hash() }} as declaration_hash
    from of_persons as events

)

select * from final
