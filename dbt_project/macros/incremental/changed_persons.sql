{# Persons whose sessions changed since a mark, by the model's own table: those with
   sessions that were told again, and those that have other than as many as they had
   (`session_count`). Whoever is neither lost none, and nor did whoever had none on the
   first changed day or later (`last_session_date`): those are not counted. #}
{% macro persons_with_changed_sessions(mark) -%}
    {%- set days = changed_dates(changed_session_days_since(mark), 'session_start_date') -%}
    with known as (
        select
            person_id,
            session_count
        from {{ this }}
        where {{ 'last_session_date >= date ' ~ "'" ~ days[0] ~ "'" if days else 'false' }}
    )
    select person_id
    from {{ ref('int_sessions') }}
    where built_through_load_id > '{{ mark }}'
    union
    select known.person_id
    from known
    left join (
        select
            person_id,
            count(*) as session_count
        from {{ ref('int_sessions') }}
        where
            not is_bot
            and not is_internal
            and person_id in (select person_id from known)
        group by person_id
    ) as counted
        on known.person_id = counted.person_id
    where coalesce(counted.session_count, 0) <> known.session_count
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
