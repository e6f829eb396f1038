{# The orders of the compiled catalog, one mapping each, in order of name; the name of
   their declaration (what changes figures is in it) under `declaration`. #}
{% macro declared_orders() %}
    {% set declared = compiled_rows('catalog_orders', 'orders_name') %}
    {% set settings = declared_settings() if declared else {} %}
    {% for orders in declared %}
        {% do orders.update({
            'zone': settings['reporting_timezone'],
            'dimensions': fromjson(orders.dimensions),
            'declaration': local_md5([
                orders.definition_hash,
                settings['reporting_timezone'],
                settings['event_rules_hash']
            ] | join('|'))
        }) %}
    {% endfor %}
    {{ return(declared) }}
{% endmacro %}


{# The local days whose lines a run adds up, by definition: `all` where the declaration
   is new, or a person's properties may have changed; else the changed days. Where no day
   changed, a definition is left out. #}
{% macro order_days_to_compute(known_declarations, mark) -%}
    {%- if not execute -%}{{ return({}) }}{%- endif -%}
    {%- set changed = changed_dates(changed_local_days_since(mark), 'activity_date') if known_declarations else [] -%}
    {%- set days = {} -%}
    {%- for orders in declared_orders() -%}
        {%- if known_declarations.get(orders.orders_name) != orders.declaration
            or (changed and orders.uses_person_properties) -%}
            {%- do days.update({orders.orders_name: 'all'}) -%}
        {%- elif changed -%}
            {%- do days.update({orders.orders_name: changed}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(days) }}
{%- endmacro %}


{# Incremental strategy of orders: the rows of the days just added up make way for the
   new ones, also where nothing comes back; rows of a declaration that no longer stands
   go. #}
{% macro get_incremental_replace_order_days_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set days = order_days_to_compute(
        declarations_by('orders_name', target), high_water_mark('built_through_load_id')
    ) %}

    delete from {{ target }}
    where
        not {{ is_declared(declared_orders(), 'orders_name') }}
        or {{ lies_in_days_of(days, 'orders_name', 'order_date') }};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}
