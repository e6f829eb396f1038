{# Who is counted, as numbers: persons, or what `count_by` of a definition says. #}

{# Names the ids that an expression gives, under the rules that made the events. #}
{% macro unit_source(unit_sql) %}
    {{ return(local_md5(unit_sql ~ '|' ~ setting('event_rules_hash'))) }}
{% endmacro %}


{# The distinct expressions of all series: [{id, unit_sql, uses_person_properties}]. #}
{% macro declared_unit_sources() %}
    {% set sources = {} %}
    {% for series in declared_series() %}
        {% set id = unit_source(series.unit_sql) %}
        {% set uses = series.uses_person_properties or sources.get(id, {}).get('uses_person_properties', false) %}
        {% do sources.update({id: {'id': id, 'unit_sql': series.unit_sql, 'uses_person_properties': uses}}) %}
    {% endfor %}
    {{ return(sources.values() | list) }}
{% endmacro %}


{# The ids that one expression gives: of all history where it is new, else of the days
   that changed. #}
{% macro units_of_source(source, is_new, mark) -%}
    select distinct
        '{{ source.id }}' as unit_source,
        cast({{ source.unit_sql }} as {{ dbt.type_string() }}) as unit_id
    from {{ ref('int_events') }}
    {% if source.uses_person_properties -%}
    left join {{ ref('int_person_properties') }} using (person_id)
    {% endif -%}
    where
        {{ source.unit_sql }} is not null
        {% if not (is_new or source.uses_person_properties) -%}
        and {{ lies_in_changed_days('event_date', mark) }}
        {%- endif %}
{%- endmacro %}


{% macro unit_sources_in(relation) %}
    {{ return(run_query('select distinct unit_source from ' ~ relation).columns[0].values()) }}
{% endmacro %}


{% macro no_units() -%}
    select
        cast(null as {{ dbt.type_string() }}) as unit_source,
        cast(null as {{ dbt.type_string() }}) as unit_id
    where false
{%- endmacro %}


{# Incremental strategy: new ids come, and those of an expression that no definition has
   any more go. Numbers given stay. #}
{% macro get_incremental_append_units_sql(arguments) %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set standing = [] %}
    {% for source in declared_unit_sources() %}{% do standing.append(source.id) %}{% endfor %}

    delete from {{ arguments['target_relation'] }}
    where unit_source not in {{ sql_list(standing) }};

    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}
