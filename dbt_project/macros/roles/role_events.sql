{# Moves between roles, and what those who moved may answer. #}

{% macro declared_role_migrations() %}
    {{ return(compiled_definitions('catalog_role_migrations', 'migration_name', ['event_rules_hash'])) }}
{% endmacro %}


{% macro events_of_roles(migration, mark) -%}
    select
        '{{ migration.migration_name }}' as migration_name,
        '{{ migration.declaration }}' as declaration,
        event_date,
        event_id,
        occurred_at,
        person_id,
        coalesce({{ migration.move_filter_sql }}, false) as is_move,
        coalesce({{ migration.answer_filter_sql }}, false) as is_answer,
        coalesce({{ migration.from_role_sql }}, '(none)') as from_role,
        coalesce({{ migration.to_role_sql }}, '(none)') as to_role,
        {{ migration.succeeded_sql or 'cast(null as boolean)' }} as has_succeeded,
        {{ migration.adaptation_sql or 'cast(null as decimal(18, 6))' }} as adaptation_days,
        {{ migration.answer_sql or 'cast(null as decimal(18, 6))' }} as answer
    from {{ ref('int_events') }}
    {{ joined_person_properties(migration) }}
    where
        (({{ migration.move_filter_sql }}) or ({{ migration.answer_filter_sql }}))
        and person_id is not null
        {% if not migration.is_whole -%}
        and {{ lies_in_changed_days('event_date', mark) }}
        {% endif -%}
        {{ and_kept_traffic(migration) }}
{%- endmacro %}


{% macro no_role_events() -%}
    select
        cast(null as {{ dbt.type_string() }}) as migration_name,
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as date) as event_date,
        cast(null as {{ dbt.type_string() }}) as event_id,
        cast(null as timestamp) as occurred_at,
        cast(null as {{ dbt.type_string() }}) as person_id,
        cast(null as boolean) as is_move,
        cast(null as boolean) as is_answer,
        cast(null as {{ dbt.type_string() }}) as from_role,
        cast(null as {{ dbt.type_string() }}) as to_role,
        cast(null as boolean) as has_succeeded,
        cast(null as decimal(18, 6)) as adaptation_days,
        cast(null as decimal(18, 6)) as answer
    where false
{%- endmacro %}
