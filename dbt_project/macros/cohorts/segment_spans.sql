{# Segments by activity: spans of days instead of a row per person and day, because a
   segment changes only on few days. Precedence is the order of the case in
   `segment_of_day`, and nowhere else. #}

{# Segments in order of precedence. #}
{% macro segments() %}
    {{ return(['new', 'at_risk', 'power', 'engaged', 'casual', 'dormant']) }}
{% endmacro %}


{# Days on which a unit's figures may change, with what changes them: an active day
   counts in the window that ends with it, then in the window before that one; idleness
   and newness run out. #}
{% macro steps_of_segments(segmentation, active, seen) -%}
    {%- set window = segmentation.window_days | int -%}
    select
        unit_key,
        changes_on,
        sum(recent_step) as recent_step,
        sum(earlier_step) as earlier_step,
        max(active_day) as active_day,
        min(seen_day) as seen_day
    from (
        {% for days, recent, earlier in [(0, 1, 0), (window, -1, 1), (2 * window, 0, -1)] -%}
        select
            unit_key,
            active_day + {{ days }} as changes_on,
            {{ recent }} as recent_step,
            {{ earlier }} as earlier_step,
            {{ 'active_day' if days == 0 else 'cast(null as date)' }} as active_day,
            cast(null as date) as seen_day
        from {{ active }}
        union all
        {% endfor -%}
        select
            unit_key,
            active_day + {{ segmentation.idle_days }} as changes_on,
            0 as recent_step,
            0 as earlier_step,
            cast(null as date) as active_day,
            cast(null as date) as seen_day
        from {{ active }}
        {% for days in [0, segmentation.new_days] -%}
        union all
        select
            unit_key,
            min(active_day) + {{ days }} as changes_on,
            0 as recent_step,
            0 as earlier_step,
            cast(null as date) as active_day,
            min(active_day) as seen_day
        from {{ seen }}
        group by unit_key
        {% endfor -%}
    ) as steps
    group by unit_key, changes_on
{%- endmacro %}


{# What a unit's figures are from each of these days on. #}
{% macro levels_of_segments(steps) -%}
    select
        unit_key,
        changes_on,
        sum(recent_step) over so_far as recent_days,
        sum(earlier_step) over so_far as earlier_days,
        max(active_day) over so_far as last_active_day,
        min(seen_day) over (partition by unit_key) as seen_day
    from {{ steps }}
    window so_far as (
        partition by unit_key order by changes_on
        rows between unbounded preceding and current row
    )
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
        lead(changes_on) over (partition by unit_key order by changes_on) as ended_on
    from (
        select
            unit_key,
            changes_on,
            segment,
            lag(segment) over (partition by unit_key order by changes_on) as previous_segment
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
