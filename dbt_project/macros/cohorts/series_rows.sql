{# How a series is kept up to date: by UTC day of its events, and whole where it is new. #}

{# The ids of the series that a table holds. #}
{% macro series_ids_in(relation) %}
    {{ return(run_query('select distinct series_id from ' ~ relation).columns[0].values()) }}
{% endmacro %}


{# Whether any day changed since a mark. #}
{% macro any_day_changed(mark) %}
    {{ return(run_query(
        'select count(*) from (' ~ changed_days_since(mark) ~ ') as changed'
    ).columns[0].values()[0] > 0) }}
{% endmacro %}


{# The series a run has to compute, each with `is_whole`: over all history, because it is
   new, or because what a person is may have changed on any day. #}
{% macro series_to_compute(mark) %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% set known = series_ids_in(this) if is_incremental() else [] %}
    {% set changed = is_incremental() and any_day_changed(mark) %}
    {% set chosen = [] %}
    {% for series in declared_series() %}
        {% set is_new = series_id(series.series_key) not in known %}
        {% if is_new or changed %}
            {% do chosen.append(dict(series, is_whole=is_new or series.uses_person_properties)) %}
        {% endif %}
    {% endfor %}
    {{ return(chosen) }}
{% endmacro %}


{# The rows of one series; who is counted is a number here, because a text costs twice
   as much wherever it is a key. The order of two events is (occurred_at, event_id).
   The engine builds a join from its right side: of a few days from what was counted, not
   from a million units once for each series, which took a third of the time. #}
{% macro rows_of_series(series, mark) %}
    {%- set group = "coalesce(cast(" ~ series.group_sql ~ " as " ~ dbt.type_string() ~ "), '(none)')"
        if series.group_sql else "'all'" -%}
    {%- set units = ref('int_cohort_units') ~ ' as units' -%}
    {%- set counted -%}
    (
        select
            event_date,
            unit_id,
            bucket_at,
            count(*) as event_count,
            {{ 'min(occurred_at)' if series.keeps_first else 'cast(null as timestamp)' }} as first_at,
            {{ of_first_event('is_match', series.keeps_first and series.match_sql) }} as first_is_match,
            {{ of_first_event('group_value', series.keeps_first and series.group_sql and not series.is_grouped) }} as group_value,
            {{ 'cast(coalesce(sum(measured), 0) as decimal(38, 6))' if series.value_sql
                else 'cast(null as decimal(38, 6))' }} as value_sum
        from (
            select
                event_date,
                occurred_at,
                event_id,
                cast({{ series.unit_sql }} as {{ dbt.type_string() }}) as unit_id,
                {{ bucket_of(series) }} as bucket_at,
                {{ 'coalesce(' ~ series.match_sql ~ ', false)' if series.match_sql else 'true' }} as is_match,
                {{ group }} as group_value,
                {{ series.value_sql or 'null' }} as measured
            from {{ ref('int_events') }}
            {% if series.uses_person_properties -%}
            left join {{ ref('int_person_properties') }} using (person_id)
            {% endif -%}
            where
                ({{ series.filter_sql }})
                {% if not series.include_excluded_traffic -%}
                and not is_bot
                and not is_internal
                {% endif -%}
                {% if not series.is_whole -%}
                and {{ lies_in_changed_days('event_date', mark) }}
                {% endif -%}
        ) as matching
        where unit_id is not null
        group by
            event_date,
            unit_id,
            bucket_at
            {{- ', group_value' if series.is_grouped }}
    ) as counted
    {%- endset -%}
    select
        '{{ series_id(series.series_key) }}' as series_id,
        counted.event_date,
        units.unit_key,
        counted.bucket_at,
        counted.event_count,
        counted.first_at,
        counted.first_is_match,
        counted.group_value,
        counted.value_sum
    from {{ counted if series.is_whole else units }}
    inner join {{ units if series.is_whole else counted }}
        on
            counted.unit_id = units.unit_id
            and units.unit_source = '{{ unit_source(series.unit_sql) }}'
{% endmacro %}


{# The value of the first event, in total order; where there is but one value, that. #}
{% macro of_first_event(column, differs) -%}
    {%- if differs -%}
        min_by({{ column }}, {{ in_total_order('occurred_at', 'event_id') }})
    {%- else -%}
        min({{ column }})
    {%- endif -%}
{%- endmacro %}


{# The bucket of an event: a local day or hour, or the instant itself. #}
{% macro bucket_of(series) -%}
    {%- if series.grain == 'instant' -%}
        occurred_at
    {%- else -%}
        date_trunc('{{ series.grain }}', {{ local_time_in('occurred_at', series.timezone) }})
    {%- endif -%}
{%- endmacro %}


{# Incremental strategy: days that changed make way for the rows just computed, and so
   do series computed whole; rows of a series that no definition reads go. #}
{% macro get_incremental_replace_series_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set mark = high_water_mark('built_through_load_id') %}
    {% set standing = [] %}
    {% set gone = [] %}
    {% for series in declared_series() %}
        {% do standing.append(series_id(series.series_key)) %}
    {% endfor %}
    {% for series in series_to_compute(mark) if series.is_whole %}
        {% do gone.append(series_id(series.series_key)) %}
    {% endfor %}
    {% for id in series_ids_in(target) if id not in standing %}
        {% do gone.append(id) %}
    {% endfor %}

    -- Where no series goes, no text is read to find the rows of changed days.
    delete from {{ target }}
    where
        {{ lies_in_changed_days('event_date', mark) }}
        {%- if gone %}
        or series_id in {{ sql_list(gone) }}
        {%- endif %};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}


{% macro no_series_rows() -%}
    select
        cast(null as {{ dbt.type_string() }}) as series_id,
        cast(null as date) as event_date,
        cast(null as integer) as unit_key,
        cast(null as timestamp) as bucket_at,
        cast(null as bigint) as event_count,
        cast(null as timestamp) as first_at,
        cast(null as boolean) as first_is_match,
        cast(null as {{ dbt.type_string() }}) as group_value,
        cast(null as decimal(38, 6)) as value_sum
    where false
{%- endmacro %}
