{# Incremental strategy: the rows of everything that changed make way for the rows just
   computed, in one transaction. Plain delete+insert deletes only keys that come back,
   and so keeps the rows of a day that late data has emptied.

   config.meta.changed: how to tell what changed:
     column  the column of the target that is compared,
     values  the macro that lists changed values since a mark,
     mark    the column whose highest value is the mark,
     row     the key of a row, where rows that stay do not come back: only those computed
             again are replaced. #}
{% macro get_incremental_replace_changed_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set computed = arguments['temp_relation'] %}
    {% set key = arguments['unique_key'] %}
    {% set changed = config.get('meta')['changed'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}

    delete from {{ target }}
    where {{ changed['column'] }} in (
        {{ context[changed['values']](high_water_mark(changed['mark'])) }}
    )
    {% if 'row' in changed %}
    and {{ changed['row'] }} in (select {{ changed['row'] }} from {{ computed }})
    {% elif key != changed['column'] %}
    or {{ key }} in (select {{ key }} from {{ computed }})
    {% endif %};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ computed }}
{% endmacro %}
