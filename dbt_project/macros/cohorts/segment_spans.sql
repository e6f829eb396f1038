{# Segments by activity: spans of days instead of a row per person and day, because a
   segment changes only on few days. Precedence is the order of the case in
   `segment_of_day`, and nowhere else. #}

{# Segments in order of precedence. #}
{% macro segments() %}
    {{ return(['new', 'at_risk', 'power', 'engaged', 'casual', 'dormant']) }}
{% endmacro %}


{# Days on which a unit's figures may change, with what changes them: an active day
   counts in the window that ends with it, then in the window before that one; idleness
   and newness run out. Steps of one day are several rows. #}
{% macro steps_of_segments(segmentation, active, seen) -%}
    {%- set window = segmentation.window_days | int -%}
    {%- set first_seen -%}
    (select unit_key, min(active_day) as seen_day from {{ seen }} group by unit_key)
    {%- endset -%}
    select
        active.unit_key,
        active.active_day + steps.days as changes_on,
        steps.recent_step,
        steps.earlier_step,
        case when steps.days = 0 then active.active_day end as active_day,
        first_seen.seen_day
    from {{ active }} as active
    left join {{ first_seen }} as first_seen
        on active.unit_key = first_seen.unit_key
    cross join (
        values (0, 1, 0), ({{ window }}, -1, 1), ({{ 2 * window }}, 0, -1), ({{ segmentation.idle_days }}, 0, 0)
    ) as steps (days, recent_step, earlier_step)
    union all
    select
        first_seen.unit_key,
        first_seen.seen_day + steps.days as changes_on,
        0 as recent_step,
        0 as earlier_step,
        cast(null as date) as active_day,
        first_seen.seen_day
    from {{ first_seen }} as first_seen
    cross join (values (0), ({{ segmentation.new_days }})) as steps (days)
{%- endmacro %}


{# What a unit's figures are from each of these days on.

   DuckDB sorts once and lets the rows stream by, which takes a third of what windows by
   unit take. A unit's steps add up to nothing, so that the next begins anew; its last
   active day is asked for only where it has one. That rows came in order is seen row by
   row. #}
{% macro levels_of_segments(steps) %}
    {{ return(adapter.dispatch('levels_of_segments')(steps)) }}
{% endmacro %}

{% macro default__levels_of_segments(steps) -%}
    select
        unit_key,
        changes_on,
        sum(recent_step) over so_far as recent_days,
        sum(earlier_step) over so_far as earlier_days,
        max(active_day) over so_far as last_active_day,
        seen_day
    from (
        select
            unit_key,
            changes_on,
            sum(recent_step) as recent_step,
            sum(earlier_step) as earlier_step,
            max(active_day) as active_day,
            max(seen_day) as seen_day
        from {{ steps }}
        group by unit_key, changes_on
    ) as steps_of_days
    window so_far as (
        partition by unit_key order by changes_on
        rows between unbounded preceding and current row
    )
{%- endmacro %}

{% macro duckdb__levels_of_segments(steps) -%}
    select * exclude (next_unit_key, next_changes_on)
    from (
        select
            unit_key,
            changes_on,
            sum(recent_step) over so_far as recent_days,
            sum(earlier_step) over so_far as earlier_days,
            last_value(active_day ignore nulls) over so_far as last_active_day,
            seen_day,
            lead(unit_key) over () as next_unit_key,
            lead(changes_on) over () as next_changes_on
        from (select * from {{ steps }} order by unit_key, changes_on) as in_order
        window so_far as (rows between unbounded preceding and current row)
    ) as told
    where
        case
            when next_unit_key > unit_key or next_unit_key is null then true
            when next_unit_key = unit_key and next_changes_on >= changes_on
                then next_changes_on > changes_on
            else error('steps of segments came out of order')
        end
{%- endmacro %}


{# A value of the row of a unit before (lag) or after (lead), as its levels came. #}
{% macro beside_level(side, column) %}
    {{ return(adapter.dispatch('beside_level')(side, column)) }}
{% endmacro %}
{% macro default__beside_level(side, column) -%}
    {{ side }}({{ column }}) over (partition by unit_key order by changes_on)
{%- endmacro %}
{% macro duckdb__beside_level(side, column) -%}
    case when {{ side }}(unit_key) over () = unit_key then {{ side }}({{ column }}) over () end
{%- endmacro %}


{% macro segment_of_day(segmentation) -%}
    case
        when changes_on < seen_day + {{ segmentation.new_days }} then 'new'
        when
            earlier_days >= {{ segmentation.engaged_days }}
            and (
                recent_days <= earlier_days * {{ segmentation.frequency_drop }}
                or changes_on >= last_active_day + {{ segmentation.idle_days }}
            )
            then 'at_risk'
        when recent_days >= {{ segmentation.power_days }} then 'power'
        when recent_days >= {{ segmentation.engaged_days }} then 'engaged'
        when recent_days >= 1 then 'casual'
        else 'dormant'
    end
{%- endmacro %}


{# Spans of one segment, those to come included, as they are where nobody does anything
   any more. A change to the same segment is none. #}
{% macro segment_spans(segmentation, levels) -%}
    select
        '{{ segmentation.segmentation_name }}' as segmentation_name,
        '{{ segmentation.declaration }}' as declaration,
        unit_key,
        segment,
        previous_segment,
        changes_on as started_on,
        {{ beside_level('lead', 'changes_on') }} as ended_on
    from (
        select
            unit_key,
            changes_on,
            segment,
            {{ beside_level('lag', 'segment') }} as previous_segment
        from (
            select
                unit_key,
                changes_on,
                {{ segment_of_day(segmentation) }} as segment
            from {{ levels }}
        ) as judged
    ) as compared
    where previous_segment is null or previous_segment <> segment
{%- endmacro %}


{% macro no_segment_spans() -%}
    select
        cast(null as {{ dbt.type_string() }}) as segmentation_name,
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as integer) as unit_key,
        cast(null as {{ dbt.type_string() }}) as segment,
        cast(null as {{ dbt.type_string() }}) as previous_segment,
        cast(null as date) as started_on,
        cast(null as date) as ended_on
    where false
{%- endmacro %}
