{# The metrics of experiments: what they ask for, and the numbers they are told by. #}

{# Whether any metric of an experiment is a ratio. #}
{% macro some_metrics_divide() %}
    {{ return(
        compiled_rows('catalog_experiment_metrics', 'experiment_name')
        | selectattr('denominator_component') | list | length > 0
    ) }}
{% endmacro %}


{# Whether any metric cuts totals of units. #}
{% macro some_metrics_have_caps() %}
    {% set capped = [] %}
    {% for metric in compiled_rows('catalog_experiment_metrics', 'experiment_name')
        if metric.cap_lower is not none or metric.cap_upper is not none %}
        {% do capped.append(metric.metric_name) %}
    {% endfor %}
    {{ return(capped | length > 0) }}
{% endmacro %}


{# Whether any metric is a quantile of single amounts. #}
{% macro some_metrics_are_quantiles() %}
    {{ return(
        compiled_rows('catalog_experiment_metrics', 'experiment_name')
        | rejectattr('quantile', 'none') | list | length > 0
    ) }}
{% endmacro %}


{# Whether any metric counts values that are told apart. #}
{% macro some_metrics_tell_apart() %}
    {{ return(
        compiled_rows('catalog_experiment_components', 'component_id')
        | selectattr('component_kind', 'equalto', 'values') | list | length > 0
    ) }}
{% endmacro %}


{# Metrics of all experiments past their draft, each with the declaration of its
   experiment and a number, `metric_key`. #}
{% macro metrics_of_experiments() -%}
    select
        metrics.*,
        declarations.declaration,
        {{ number_of_metric() }} as metric_key
    from {{ ref('stg_catalog_experiment_metrics') }} as metrics
    inner join ({{ declarations_of_experiments() }}) as declarations
        on metrics.experiment_name = declarations.experiment_name
{%- endmacro %}


{# The number tells the declaration too: under another one a metric is another. In the
   place of three texts it spares units by day, of which there are millions, a seventh of
   what they cost. #}
{% macro number_of_metric() -%}
    {{ person_key("metrics.experiment_name || ' ' || metrics.metric_name || ' ' || declarations.declaration") }}
{%- endmacro %}


{# Of which metrics a table has rows: those declared no more have no experiment. #}
{% macro metrics_with_rows(relation) -%}
    (
        select
            declared.experiment_name,
            declared.declaration
        from (select distinct metric_key from {{ relation }}) as known
        left join ({{ metrics_of_experiments() }}) as declared
            on known.metric_key = declared.metric_key
    ) as known_metrics
{%- endmacro %}


{# Incremental strategy: as `replace_experiments`, of rows that tell by number what they
   are of. #}
{% macro get_incremental_replace_metrics_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set known = declarations_by('experiment_name', metrics_with_rows(target)) %}
    {% set starts = experiments_to_compute(known, high_water_mark('built_through_load_id')) %}

    {% if none in known %}
    delete from {{ target }}
    where metric_key not in (select metric_key from ({{ metrics_of_experiments() }}) as declared);
    {% endif %}

    delete from {{ target }}
    where
        day_date >= {{ first_computed_day(starts) }}
        and exists (
            select 1
            from ({{ metrics_of_experiments() }}) as declared
            inner join ({{ computed_from(starts) }}) as computed
                on declared.experiment_name = computed.experiment_name
            where
                declared.metric_key = {{ target }}.metric_key
                and computed.from_date <= {{ target }}.day_date
        );

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}
