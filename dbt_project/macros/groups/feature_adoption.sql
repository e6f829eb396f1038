{# When each unit first used each group of a feature definition, and since when it could. #}
{% macro first_uses_of_feature(group) -%}
    select
        '{{ group.definition_name }}' as definition_name,
        uses.group_value,
        uses.unit_key,
        uses.first_used_at,
        uses.first_used_on,
        eligible.eligible_at,
        eligible.eligible_on
    from (
        select
            group_value,
            unit_key,
            min(first_at) as first_used_at,
            min(bucket_at) as first_used_on
        from {{ ref('int_cohort_days') }}
        where series_id = '{{ series_id(group.series_key) }}'
        group by group_value, unit_key
    ) as uses
    inner join ({{ eligible_units(group) }}) as eligible on uses.unit_key = eligible.unit_key
{%- endmacro %}


{% macro eligible_units(group) -%}
    select
        unit_key,
        min(first_at) as eligible_at,
        min(bucket_at) as eligible_on
    from {{ ref('int_cohort_days') }}
    where series_id = '{{ series_id(group.base_series_key) }}'
    group by unit_key
{%- endmacro %}


{# Per period: who became eligible, and of each group, who adopted it then. A unit adopts
   on its first use, or as soon as it is eligible where it had used it before. #}
{% macro adoptions_of_feature(group, period) -%}
    {%- set zone_now = local_time_in('watermark_at', group.timezone) -%}
    select
        '{{ group.definition_name }}' as definition_name,
        '{{ period }}' as period,
        {{ period_start_of(period, 'adopted_on', group.week_start) }} as period_start,
        group_value,
        count(*) as adopter_count,
        median(days_to_adopt) as median_days_to_adopt
    from (
        select
            group_value,
            greatest(first_used_on, eligible_on) as adopted_on,
            case
                when first_used_at >= eligible_at
                    then {{ seconds_between('eligible_at', 'first_used_at') }} / 86400.0
            end as days_to_adopt
        from ({{ first_uses_of_feature(group) }}) as first_uses
    ) as adopted
    cross join {{ ref('int_watermark') }}
    where adopted_on < {{ zone_now }}
    group by {{ period_start_of(period, 'adopted_on', group.week_start) }}, group_value
{%- endmacro %}


{% macro eligibility_of_feature(group, period) -%}
    select
        '{{ group.definition_name }}' as definition_name,
        '{{ period }}' as period,
        {{ period_start_of(period, 'eligible_on', group.week_start) }} as period_start,
        count(*) as newly_eligible_count
    from ({{ eligible_units(group) }}) as eligible
    cross join {{ ref('int_watermark') }}
    where eligible_on < {{ local_time_in('watermark_at', group.timezone) }}
    group by {{ period_start_of(period, 'eligible_on', group.week_start) }}
{%- endmacro %}


{% macro no_adoptions() -%}
    select
        cast(null as {{ dbt.type_string() }}) as definition_name,
        cast(null as {{ dbt.type_string() }}) as period,
        cast(null as timestamp) as period_start,
        cast(null as {{ dbt.type_string() }}) as group_value,
        cast(null as bigint) as adopter_count,
        cast(null as double) as median_days_to_adopt,
        cast(null as bigint) as newly_eligible_count
    where false
{%- endmacro %}
