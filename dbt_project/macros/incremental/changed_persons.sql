{# Persons whose sessions changed since a mark, by the model's own table: those with
   sessions that were told again, and those that have other than as many as they had
   (`session_count`). Whoever is neither lost none. #}
{% macro persons_with_changed_sessions(mark) -%}
    select person_id
    from {{ ref('int_sessions') }}
    where built_through_load_id > '{{ mark }}'
    union
    select known.person_id
    from {{ this }} as known
    left join (
        select
            person_id,
            count(*) as session_count
        from {{ ref('int_sessions') }}
        where
            not is_bot
            and not is_internal
        group by person_id
    ) as counted
        on known.person_id = counted.person_id
    where coalesce(counted.session_count, 0) <> known.session_count
{%- endmacro %}
