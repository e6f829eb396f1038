{{
    config(
        materialized='incremental',
        incremental_strategy='replace_definitions',
        unique_key=['declaration', 'period_key', 'dimension', 'dimension_value'],
        meta={
            'definitions': {
                'list': 'declared_performance',
                'column': 'period_key',
                'changed': 'changed_periods_of_events_since'
            }
        }
    )
}}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_events') }}
-- depends_on: {{ ref('int_event_days') }}
-- depends_on: {{ ref('int_person_properties') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set measures = definitions_to_compute(mark) %}
{% set starts = changed_starts_since(mark) if measures and is_incremental() else {} %}

with
{% for measure in measures %}
{{ measure.measure_name }}__events as (

    {{ events_of_measure(measure, starts) }}

),

{% endfor %}
figures as (

    {% for measure in measures %}
    {% for period in fromjson(measure.periods) if measure.is_whole or starts[period] %}
    {{ figures_of_measure(measure, period, 'all', 0, starts) }}
    union all
    {% for dimension in fromjson(measure.dimensions) %}
    {{ figures_of_measure(measure, period, dimension.name, loop.index, starts) }}
    union all
    {% endfor %}
    {% endfor %}
    {% endfor %}
    {{ no_performance_rows() }}

),

final as (

    select
        *,
        {{ newest_load() }} as built_through_load_id
    from figures

)

select * from final
