{# What is told of each unit of a segmentation from the days it was active on. It holds
   whatever the watermark, so a run computes the units whose days changed, and no other.
   Rows of a unit carry `day_count`, the rows of its series that it was computed from, and
   `last_event_date`, the last UTC day of these. #}

{# The condition that a row belongs to a series that a segmentation is told from. #}
{% macro lies_in_series_of(segmentation) -%}
    series_id in (
        '{{ series_id(segmentation.series_key) }}',
        '{{ series_id(segmentation.seen_series_key) }}'
    )
{%- endmacro %}


{# The segmentations, each with `is_whole`: whether a run computes all of its units. #}
{% macro segmentations_to_compute() %}
    {% set known = declarations_by('segmentation_name', this) if execute and is_incremental() else {} %}
    {% set found = [] %}
    {% for segmentation in declared_segmentations() %}
        {% set is_known = known.get(segmentation.segmentation_name) == segmentation.declaration %}
        {% do found.append(dict(segmentation, is_whole=not is_known)) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# A segmentation in parts of its units, one part where only changed ones are computed: what
   a million units did, in windows all at once, does not fit into 3 GB. #}
{% macro parts_of_units(segmentation) %}
    {% if not segmentation.is_whole %}{{ return([segmentation]) }}{% endif %}
    {% set found = [] %}
    {% for part in range(4) %}
        {% do found.append(dict(segmentation, units_of_part='unit_key % 4 = ' ~ part)) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# How many rows each unit has, and up to which day; of all units or those of a relation. #}
{% macro day_counts(segmentation, units=none) -%}
    select
        unit_key,
        count(*) as day_count,
        max(event_date) as last_event_date
    from {{ ref('int_cohort_days') }}
    where
        {{ lies_in_series_of(segmentation) }}
        and {{ segmentation.units_of_part or 'true' }}
        {% if units -%}
        and unit_key in (select unit_key from {{ units }})
        {%- endif %}
    group by unit_key
{%- endmacro %}


{# The units whose days changed: those with rows of changed days, and those that have
   other than as many rows as they were computed from. Whoever is neither lost none, and
   nor did whoever had none on the first changed day or later: those are not counted. #}
{% macro units_with_changed_days(segmentation, target, mark) -%}
    with known as (
        select distinct
            unit_key,
            day_count
        from {{ target }}
        where
            segmentation_name = '{{ segmentation.segmentation_name }}'
            and {{ may_have_lost_days(segmentation, mark) }}
    )
    select unit_key
    from {{ ref('int_cohort_days') }}
    where
        {{ lies_in_series_of(segmentation) }}
        and built_through_load_id > '{{ mark }}'
    union
    select known.unit_key
    from known
    left join ({{ day_counts(segmentation, 'known') }}) as counted
        on known.unit_key = counted.unit_key
    where coalesce(counted.day_count, 0) <> known.day_count
{%- endmacro %}


{# The condition that a unit had rows that may be gone: on any day where what a person is
   decides who is counted. #}
{% macro may_have_lost_days(segmentation, mark) -%}
    {%- set first_day = first_changed_day(mark) -%}
    {%- if may_change_on_any_day([segmentation.series_key, segmentation.seen_series_key]) -%}
    true
    {%- elif first_day is none -%}
    false
    {%- else -%}
    last_event_date >= date '{{ first_day }}'
    {%- endif -%}
{%- endmacro %}


{# The days a unit was active on, of those that have begun at the watermark; where a
   segmentation is not computed whole, of the units in `changed`. #}
{% macro active_days(segmentation, series_key) -%}
    select distinct
        unit_key,
        cast(bucket_at as date) as active_day
    from {{ ref('int_cohort_days') }}
    where
        series_id = '{{ series_id(series_key) }}'
        and {{ segmentation.units_of_part or 'true' }}
        and bucket_at < (
            select {{ local_time_in('watermark_at', segmentation.timezone) }}
            from {{ ref('int_watermark') }}
        )
        {% if not segmentation.is_whole -%}
        and unit_key in (select unit_key from changed)
        {%- endif %}
{%- endmacro %}


{# The first CTEs of what is told of a segmentation: `active`, the days of the units to
   compute, and `changed`, these units where they are not all. #}
{% macro active_units(segmentation, mark) -%}
    {%- if not segmentation.is_whole -%}
    changed as {{ computed_once() }} (

        {{ units_with_changed_days(segmentation, this, mark) }}

    ),

    {% endif -%}
    active as {{ computed_once() }} (

        {{ active_days(segmentation, segmentation.series_key) }}

    )
{%- endmacro %}


{# The rows of a segmentation as they are kept. #}
{% macro with_day_counts(segmentation, rows) -%}
    select
        told.*,
        counted.day_count,
        counted.last_event_date,
        {{ newest_load() }} as built_through_load_id
    from {{ rows }} as told
    inner join ({{ day_counts(segmentation, none if segmentation.is_whole else 'changed') }}) as counted
        on told.unit_key = counted.unit_key
{%- endmacro %}


{# Incremental strategy: units whose days changed make way, also those that have none any
   more, and so do the rows of another declaration. #}
{% macro get_incremental_replace_active_units_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set mark = high_water_mark('built_through_load_id') %}

    delete from {{ target }}
    where
        not {{ is_declared(declared_segmentations(), 'segmentation_name') }}
        {% for segmentation in segmentations_to_compute() if not segmentation.is_whole -%}
        or (
            segmentation_name = '{{ segmentation.segmentation_name }}'
            and unit_key in ({{ units_with_changed_days(segmentation, target, mark) }})
        )
        {% endfor -%}
    ;

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}
