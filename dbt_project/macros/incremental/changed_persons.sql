{# Persons of whom something is other than it was at a mark, by the model's own table:
   those with a new event, with another id or other properties, and those who have not as
   many events as they had (`event_count`), because some became another's. Whoever had none
   on the first changed day or later (`last_seen_on`) lost none: those are not counted. A
   session of a vendor is one person's and may become another's without an event of theirs. #}
{% macro persons_with_changes(mark) -%}
    {%- set days = changed_dates(changed_local_days_since(mark), 'activity_date') -%}
    with known as (
        select
            person_id,
            event_count,
            session_count
        from {{ this }}
        where {{ 'last_seen_on >= date ' ~ "'" ~ days[0] ~ "'" if days else 'false' }}
    )
    select person_id
    from {{ ref('int_events') }}
    where
        {{ lies_in_changed_days('event_date', mark) }}
        and load_id > '{{ mark }}'
    union
    select person_id
    from {{ ref('int_identity_spans') }}
    where built_through_load_id > '{{ mark }}'
    union
    select person_id
    from {{ ref('int_person_properties') }}
    where built_through_load_id > '{{ mark }}'
    union
    {{ persons_with_fewer('event_count', 'sum(event_count)', ref('int_person_days')) }}
    {%- if sessions_are_of_client() %}
    union
    select person_id
    from {{ ref('int_sessions') }}
    where built_through_load_id > '{{ mark }}'
    union
    {{ persons_with_fewer('session_count', 'count(*)', ref('int_sessions'), 'not is_bot and not is_internal') }}
    {%- endif %}
{%- endmacro %}


{# Persons of `known` of whom a count is other than it was. #}
{% macro persons_with_fewer(count, counted, relation, condition='true') -%}
    select known.person_id
    from known
    left join (
        select
            person_id,
            {{ counted }} as counted
        from {{ relation }}
        where
            {{ condition }}
            and person_id in (select person_id from known)
        group by person_id
    ) as found
        on known.person_id = found.person_id
    where coalesce(found.counted, 0) <> known.{{ count }}
{%- endmacro %}


{# Persons whose properties were set, told again or taken away since a mark, by the
   model's own table: it keeps how many days say something of each. #}
{% macro persons_with_changed_properties(mark) -%}
    select person_id
    from {{ ref('int_person_property_days') }}
    where built_through_load_id > '{{ mark }}'
    union
    select known.person_id
    from {{ this }} as known
    left join (
        select
            person_id,
            count(*) as property_day_count
        from {{ ref('int_person_property_days') }}
        group by person_id
    ) as counted
        on known.person_id = counted.person_id
    where coalesce(counted.property_day_count, 0) <> known.property_day_count
{%- endmacro %}
