{# Which units of a funnel are judged again in a run: those with an attempt that may have
   changed, or whose window has closed since, and those whose group may be another. #}

{# (funnel_name, counted_id). The day after the last that spoke for anybody and all later
   ones may have been open; a watermark that went back opens days again. #}
{% macro units_to_judge(relation) -%}
    {%- set mark = high_water_mark('built_through_load_id') -%}
    {%- set days = changed_funnel_days(relation, mark) -%}
    select
        attempts.funnel_name,
        attempts.counted_id
    from {{ ref('int_funnel_attempts_grouped') }} as attempts
    left join (
        select
            funnel_name,
            max(entry_date) as last_entry_date
        from {{ relation }}
        group by funnel_name
    ) as told
        on attempts.funnel_name = told.funnel_name
    where
        {{ lies_in_days_of(days, 'attempts.funnel_name', 'attempts.entry_date') }}
        or coalesce(attempts.entry_date > told.last_entry_date, true)
        or (attempts.funnel_name, attempts.unit_id) in (
            select
                funnel_name,
                unit_id
            from {{ ref('int_funnel_units') }}
            where built_through_load_id > '{{ mark }}'
        )
    union
    select
        bests.funnel_name,
        bests.counted_id
    from {{ relation }} as bests
    left join ({{ mature_funnel_days(relation) }}) as mature
        on
            bests.funnel_name = mature.funnel_name
            and bests.entry_date = mature.entry_date
    where
        {{ lies_in_days_of(days, 'bests.funnel_name', 'bests.entry_date') }}
        or mature.entry_date is null
{%- endmacro %}


{# The days of entry in a relation whose windows have closed. #}
{% macro mature_funnel_days(relation) -%}
    select
        days.funnel_name,
        days.entry_date
    from (
        select distinct
            funnel_name,
            entry_date
        from {{ relation }}
    ) as days
    inner join {{ ref('stg_catalog_funnels') }} as funnels
        on days.funnel_name = funnels.funnel_name
    cross join {{ ref('int_watermark') }} as watermark
    where
        {{ to_utc_time("cast(days.entry_date + interval '1' day as timestamp)") }}
        + funnels.window_seconds * interval '1' second <= watermark.watermark_at
        or (
            funnels.range_applies_to = 'all_events'
            and {{ to_utc_time('funnels.range_to') }} <= watermark.watermark_at
        )
{%- endmacro %}


{# Incremental strategy: units that are judged again make way, also those that none speaks
   for any more; rows of a declaration that no longer stands go. #}
{% macro get_incremental_replace_funnel_bests_sql(arguments) %}
    {% set target = arguments['target_relation'] %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}

    delete from {{ target }}
    where
        not {{ is_declared(declared_funnels(), 'funnel_name') }}
        or (funnel_name, counted_id) in ({{ units_to_judge(target) }});

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}
