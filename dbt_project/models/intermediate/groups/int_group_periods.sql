-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_watermark') }}
{% set counted_groups = counted_series(declared_groups()) %}
with
{% for group in counted_groups %}
{{ days_name(group, group.role) }} as (

    {{ days_of_group(group, group.role) }}

),

{% endfor %}
counted as (

    {% for group in counted_groups %}
    {% for period in periods_of_group(group) %}
    select
        '{{ group.kind }}' as kind,
        '{{ group.definition_name }}' as definition_name,
        '{{ group.role }}' as role,
        '{{ period }}' as period,
        period_start,
        group_value,
        count(*) as person_count,
        count(case when is_new then 1 end) as new_person_count,
        count(case when day_count > 1 then 1 end) as repeat_person_count,
        cast(sum(event_count) as bigint) as event_count,
        cast(sum(value_sum) as decimal(38, 6)) as value_sum,
        {{ periods_after('period_start', 1, "'" ~ period ~ "'") }}
        <= max({{ local_time_in('watermark.watermark_at', group.timezone) }}) as is_complete
    from ({{ units_of_group(group, period, group.role) }}) as units
    cross join {{ ref('int_watermark') }} as watermark
    group by period_start, group_value
    union all
    {% endfor %}
    {% endfor %}
    {{ no_group_periods() }}

),

final as (

    select * from counted

)

select * from final
