{# Incremental strategy of the counts of funnels: the periods just counted make way for
   their new rows, also where nobody is left in one; the whole range always. Periods that
   the calendar no longer has go. #}
{% macro get_incremental_replace_funnel_periods_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set computed = arguments['temp_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}

    delete from {{ target }}
    where
        not {{ is_declared(declared_funnels(), 'funnel_name') }}
        or period = 'all'
        or exists (
            select 1
            from ({{ funnel_periods_to_count() }}) as counted
            where
                counted.funnel_name = {{ target }}.funnel_name
                and counted.period = {{ target }}.period
                and counted.period_start = {{ target }}.period_start
        )
        or not exists (
            select 1
            from {{ ref('int_funnel_periods') }} as periods
            where
                periods.funnel_name = {{ target }}.funnel_name
                and periods.period = {{ target }}.period
                and periods.period_start = {{ target }}.period_start
        );

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ computed }}
{% endmacro %}
