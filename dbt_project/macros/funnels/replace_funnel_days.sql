{# Incremental strategy of funnels: the rows of the days just computed make way for the
   new ones, also where nothing comes back; rows of a declaration that no longer stands
   (changed, or taken out of the catalog) go. config.meta.replaced names the column of
   the day and whether a change reaches the days of the window before it. #}
{% macro get_incremental_replace_funnel_days_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set computed = arguments['temp_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set replaced = config.get('meta')['replaced'] %}
    {% set days = funnel_days_to_compute(
        declarations_by('funnel_name', target),
        high_water_mark('built_through_load_id'),
        replaced['with_window']
    ) %}

    delete from {{ target }}
    where
        not {{ is_declared(declared_funnels(), 'funnel_name') }}
        or {{ lies_in_days_of(days, 'funnel_name', replaced['column']) }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ computed }}
{% endmacro %}
