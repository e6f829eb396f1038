{# The SQL of one metric, by its type. Every block yields (period, period_start,
   dimension, dimension_value, numerator, denominator, value) from the compiled catalog. #}
{% macro rows_of_metric(metric, days) -%}
    {%- if metric.metric_type in ('conversion', 'time_to') -%}
        {{ conversion_rows(metric, days) }}
    {%- elif metric.metric_type == 'retention' -%}
        {{ retention_rows(metric, days) }}
    {%- elif trailing_days_of(metric) -%}
        {{ trailing_persons_rows(metric) }}
    {%- else -%}
        {%- for component in fromjson(metric.components) -%}
            {{ component_rows(metric, component, days) }}
            {{- '\n    union all\n    ' if not loop.last -}}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{# The trailing window of an active-persons metric in days, or none. #}
{% macro trailing_days_of(metric) -%}
    {%- if metric.metric_type == 'active_persons' -%}
        {{ return(fromjson(metric.components)[0].window_days) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}


{# Count, sum, average, ratio, unique persons or values, and percentile. Events are first reduced
   to one row per finest period and dimension values (and person, where persons are
   counted), so that the many groupings after it read few rows. #}
{% macro component_rows(metric, component, days) -%}
    {%- set finest = 'hour' if 'hour' in fromjson(metric.periods) else 'day' -%}
    {%- set role = 'denominator' if component.role == 'denominator'
        else 'value' if component.aggregate == 'percentile' else 'numerator' -%}
    {%- set counts_persons = component.aggregate in ('unique_persons', 'active_persons') -%}
    {%- set reduced = {
        'count': 'count(*) as amount',
        'sum': 'sum(measured) as amount',
        'count_values': 'count(measured) as amount',
        'unique_values': 'measured as amount',
        'percentile': 'measured as amount'
    }.get(component.aggregate, 'person_key') -%}
    {%- set total = {
        'count': 'sum(amount)',
        'sum': 'coalesce(sum(amount), 0)',
        'count_values': 'sum(amount)',
        'unique_values': 'count(distinct amount)',
        'percentile': percentile_of('amount', component.percentile)
    }.get(component.aggregate, 'count(distinct person_key)') -%}
    {% call figures_by_period(metric, metric_amount(role, total), days) -%}
        select
            {{ period_starts(metric, finest ~ '_start') }},
            reduced.*
        from (
            select
                date_trunc('{{ finest }}', local_at) as {{ finest }}_start,
                {{ dimension_names(metric) }}
                {{ reduced }}
            from ({{ events_of_metric(metric, component.filter_sql, component.value_sql, days) }})
                as matching
            where {{ 'person_key is not null' if counts_persons else 'true' }}
            {{ 'group by all' if component.aggregate != 'percentile' }}
        ) as reduced
    {%- endcall %}
{%- endmacro %}


{# The events a filter lets through, with local time, the measured number and the
   dimensions; of the UTC days that the computed periods need, or of all history. #}
{% macro events_of_metric(metric, filter_sql, value_sql, days) -%}
    select
        event_id,
        person_key,
        occurred_at,
        {{ to_local_time('occurred_at') }} as local_at,
        {% for dimension in fromjson(metric.dimensions) -%}
        cast({{ dimension.sql }} as {{ dbt.type_string() }}) as dimension_{{ loop.index }},
        {% endfor -%}
        {{ value_sql or 'null' }} as measured
    from {{ ref('int_events') }}
    {% if metric.uses_person_properties -%}
    left join {{ ref('int_person_properties') }} using (person_id)
    {% endif -%}
    where
        ({{ filter_sql }})
        {% if not metric.include_excluded_traffic -%}
        and not is_bot
        and not is_internal
        {% endif -%}
        and {{ lies_on('event_date', days) }}
{%- endmacro %}
