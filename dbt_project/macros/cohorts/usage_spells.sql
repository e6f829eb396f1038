{# Spells of use: active days no more than `churn_days` apart. Who is away for so many
   whole days churns, dated their last. #}
{% macro usage_spells(segmentation, active) -%}
    {%- set churn_days = segmentation.churn_days | int -%}
    select
        '{{ segmentation.segmentation_name }}' as segmentation_name,
        '{{ segmentation.declaration }}' as declaration,
        unit_key,
        min(active_day) as started_on,
        max(active_day) as last_active_on,
        max(active_day) + {{ churn_days }} as churned_on
    from (
        select
            unit_key,
            active_day,
            sum(case when starts_spell then 1 else 0 end) over (
                partition by unit_key order by active_day
                rows between unbounded preceding and current row
            ) as spell_number
        from (
            select
                unit_key,
                active_day,
                coalesce(
                    active_day > lag(active_day) over (partition by unit_key order by active_day) + {{ churn_days }},
                    true
                ) as starts_spell
            from {{ active }}
        ) as judged
    ) as numbered
    group by unit_key, spell_number
{%- endmacro %}


{% macro no_usage_spells() -%}
    select
        cast(null as {{ dbt.type_string() }}) as segmentation_name,
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as integer) as unit_key,
        cast(null as date) as started_on,
        cast(null as date) as last_active_on,
        cast(null as date) as churned_on
    where false
{%- endmacro %}
