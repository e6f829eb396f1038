{# Moves between roles, and what those who moved may answer. #}

{% macro declared_role_migrations() %}
    {{ return(compiled_definitions('catalog_role_migrations', 'migration_name', ['event_rules_hash'])) }}
{% endmacro %}


{% macro parts_of_roles(migration) %}
    {{ return({
        'filters': {
            'is_move': migration.move_filter_sql,
            'is_answer': migration.answer_filter_sql,
        },
        'told': {
            'from_role': ["coalesce(" ~ migration.from_role_sql ~ ", '(none)')", dbt.type_string()],
            'to_role': ["coalesce(" ~ migration.to_role_sql ~ ", '(none)')", dbt.type_string()],
            'has_succeeded': [migration.succeeded_sql, 'boolean'],
            'adaptation_days': [migration.adaptation_sql, 'decimal(18, 6)'],
            'answer': [migration.answer_sql, 'decimal(18, 6)'],
        },
    }) }}
{% endmacro %}
