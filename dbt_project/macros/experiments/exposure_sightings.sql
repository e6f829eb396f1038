{# Who was seen with which variant. #}

{# The first sighting of each unit, variant and local day, from a day on. What a unit is
   sliced by is what the event of that sighting says. #}
{% macro sightings_of_experiment(experiment, from_date) -%}
    select
        '{{ experiment.experiment_name }}' as experiment_name,
        unit_id,
        variant,
        sighting_date,
        min(occurred_at) as first_at,
        min_by(person_id, {{ in_total_order('occurred_at', 'event_id') }}) as person_id,
        {{ 'min_by(slices, ' ~ in_total_order('occurred_at', 'event_id') ~ ')'
            if experiment.slices else no_slices() }} as slices,
        '{{ experiment.declaration }}' as declaration
    from (
        select
            cast({{ experiment.unit_sql }} as {{ dbt.type_string() }}) as unit_id,
            coalesce(cast({{ experiment.variant_sql }} as {{ dbt.type_string() }}), '(none)') as variant,
            cast({{ to_local_time('occurred_at') }} as date) as sighting_date,
            occurred_at,
            event_id,
            person_id
            {%- if experiment.slices %},
            {{ list_of_columns(sliced_values(experiment)) }} as slices
            {%- endif %}
        from {{ events_with(experiment) }}
        where
            {{ experiment.exposure_filter_sql }}
            {{ traffic_of(experiment) }}
            {% if from_date != '0001-01-01' -%}
            -- A local day begins on the UTC day before, or on its own.
            and event_date >= date '{{ from_date }}' - 1
            {%- endif %}
    ) as seen
    where
        unit_id is not null
        and sighting_date >= date '{{ from_date }}'
    group by unit_id, variant, sighting_date
{%- endmacro %}


{% macro no_slices() -%}
    cast(null as {{ 'varchar[]' if target.type == 'duckdb' else 'array<string>' }})
{%- endmacro %}


{% macro sliced_values(experiment) %}
    {% set values = [] %}
    {% for slice in experiment.slices %}
        {% do values.append("coalesce(cast(" ~ slice.sql ~ " as " ~ dbt.type_string() ~ "), '(none)')") %}
    {% endfor %}
    {{ return(values) }}
{% endmacro %}


{# Events, with what the part of the catalog needs beside them. #}
{% macro events_with(part) -%}
    {{ events_in_sessions('left') ~ ' as events' if part.unit == 'session' else ref('int_events') }}
    {%- if part.uses_person_properties %}
    left join {{ ref('int_person_properties') }} using (person_id)
    {%- endif %}
{%- endmacro %}


{% macro traffic_of(part) -%}
    {%- if not part.include_excluded_traffic -%}
    and not is_bot
    and not is_internal
    {%- endif -%}
{%- endmacro %}


{% macro no_sightings() -%}
    select
        cast(null as {{ dbt.type_string() }}) as experiment_name,
        cast(null as {{ dbt.type_string() }}) as unit_id,
        cast(null as {{ dbt.type_string() }}) as variant,
        cast(null as date) as sighting_date,
        cast(null as timestamp) as first_at,
        cast(null as {{ dbt.type_string() }}) as person_id,
        {{ no_slices() }} as slices,
        cast(null as {{ dbt.type_string() }}) as declaration
    where false
{%- endmacro %}
