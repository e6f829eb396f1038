{# How rows of definitions are kept up to date: by the days that changed, and whole where
   a definition is new, changed, or reaches far. A model says in config.meta.definitions:
     list     the macro that lists the definitions, each with `declaration` (the name of
              what it means; rows carry it) and, where a change may lie anywhere,
              `reads_all_history`,
     column   the column of the day by which rows are replaced,
     changed  the macro that lists the changed days since a mark, and where a definition
              has `days_back`, so many days before them,
     persons  the macro that lists those of persons whose properties changed; without it
              a definition that asks for them is computed whole. #}

{# The rows of a compiled table, each with the name of its meaning: the hash of the
   definition and the settings that its figures depend on. #}
{% macro compiled_definitions(table, order_by, settings) %}
    {% set found = compiled_rows(table, order_by) %}
    {% if not found %}{{ return([]) }}{% endif %}
    {% set declared = declared_settings() %}
    {% for definition in found %}
        {% set parts = [definition.definition_hash] %}
        {% for key in settings %}{% do parts.append(declared.get(key, '')) %}{% endfor %}
        {% do definition.update({
            'declaration': local_md5(parts | join('|')),
            'zone': declared.get('reporting_timezone', 'UTC')
        }) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# The definitions a run has to compute, each with `is_whole`: over all history. #}
{% macro definitions_to_compute(mark) %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% set rules = config.get('meta')['definitions'] %}
    {% set declared = context[rules['list']]() %}
    {% if not declared %}{{ return([]) }}{% endif %}
    {% set known = run_query(
        'select distinct declaration from ' ~ this
    ).columns[0].values() if is_incremental() else [] %}
    {% set changed = known and run_query(
        'select count(*) from (' ~ context[rules['changed']](mark) ~ ') as changed'
    ).columns[0].values()[0] > 0 %}
    {% set chosen = [] %}
    {% for definition in declared %}
        {% set is_new = definition.declaration not in known %}
        {% set is_far = definition.uses_person_properties and 'persons' not in rules %}
        {% if is_new or changed %}
            {% do chosen.append(dict(
                definition, is_whole=is_new or definition.reads_all_history or is_far
            )) %}
        {% endif %}
    {% endfor %}
    {{ return(chosen) }}
{% endmacro %}


{# The days since a mark on which rows of a definition may have changed. #}
{% macro changed_days_of(definition, mark) -%}
    {%- set rules = config.get('meta')['definitions'] -%}
    {{ context[rules['changed']](mark, definition.days_back) if definition.days_back
        else context[rules['changed']](mark) }}
    {% if definition.uses_person_properties and 'persons' in rules -%}
    union
    {{ context[rules['persons']](mark) }}
    {%- endif %}
{%- endmacro %}


{# Incremental strategy: days that changed make way for the rows just computed, and so do
   definitions computed whole; rows of a declaration that no longer stands go. #}
{% macro get_incremental_replace_definitions_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set mark = high_water_mark('built_through_load_id') %}
    {% set rules = config.get('meta')['definitions'] %}
    {% set declared = context[rules['list']]() %}
    {% set standing = declared | map(attribute='declaration') | list %}
    {% set of_persons = declared | selectattr('uses_person_properties') | map(attribute='declaration') | list %}
    {% set whole = definitions_to_compute(mark) | selectattr('is_whole') | map(attribute='declaration') | list %}

    delete from {{ target }}
    where
        declaration not in {{ sql_list(standing) }}
        or declaration in {{ sql_list(whole) }}
        {% if standing %}
        or {{ rules['column'] }} in ({{ context[rules['changed']](mark) }})
        {% endif %}
        {% for definition in declared if definition.days_back %}
        or (
            declaration = '{{ definition.declaration }}'
            and {{ rules['column'] }} in ({{ changed_days_of(definition, mark) }})
        )
        {% endfor %}
        {% if of_persons and 'persons' in rules %}
        or (
            declaration in {{ sql_list(of_persons) }}
            and {{ rules['column'] }} in ({{ context[rules['persons']](mark) }})
        )
        {% endif %};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}


{# Leaves out bots and internal traffic, unless a definition counts them too. #}
{% macro and_kept_traffic(definition) -%}
    {%- if not definition.include_excluded_traffic -%}
    and not is_bot
    and not is_internal
    {%- endif -%}
{%- endmacro %}


{# Joins what is known of persons, where a definition asks for it. #}
{% macro joined_person_properties(definition) -%}
    {%- if definition.uses_person_properties -%}
    left join {{ ref('int_person_properties') }} using (person_id)
    {%- endif -%}
{%- endmacro %}
