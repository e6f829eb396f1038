-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_watermark') }}
{% set features = declared_groups() | selectattr('kind', 'equalto', 'feature') | list %}

with adoptions as (

    {% for group in features %}
    {% for period in fromjson(group.periods) %}
    {{ adoptions_of_feature(group, period) }}
    union all
    {% endfor %}
    {% endfor %}
    select
        definition_name,
        period,
        period_start,
        group_value,
        adopter_count,
        median_days_to_adopt
    from ({{ no_adoptions() }}) as nothing

),

eligibility as (

    {% for group in features %}
    {% for period in fromjson(group.periods) %}
    {{ eligibility_of_feature(group, period) }}
    union all
    {% endfor %}
    {% endfor %}
    select
        definition_name,
        period,
        period_start,
        newly_eligible_count
    from ({{ no_adoptions() }}) as nothing

),

uses as (

    select *
    from {{ ref('int_group_periods') }}
    where
        kind = 'feature'
        and role = 'group'
        and period <> 'all'

),

-- The end of what is known, in each definition's own time.
clocks as (

    {% for group in features %}
    select
        '{{ group.definition_name }}' as definition_name,
        {{ local_time_in('watermark_at', group.timezone) }} as watermark_local_at
    from {{ ref('int_watermark') }}
    union all
    {% endfor %}
    select
        definition_name,
        period_start as watermark_local_at
    from ({{ no_adoptions() }}) as nothing

),

-- Every feature in every period in which something happened to its definition.
cells as (

    select
        periods.definition_name,
        periods.period,
        periods.period_start,
        known.group_value
    from (
        select
            definition_name,
            period,
            period_start
        from eligibility
        union
        select
            definition_name,
            period,
            period_start
        from uses
        union
        select
            definition_name,
            period,
            period_start
        from adoptions
    ) as periods
    inner join (
        select distinct
            definition_name,
            group_value
        from uses
    ) as known
        on periods.definition_name = known.definition_name

),

accumulated as (

    select
        cells.*,
        coalesce(uses.person_count, 0) as person_count,
        coalesce(uses.repeat_person_count, 0) as repeat_person_count,
        coalesce(uses.event_count, 0) as event_count,
        coalesce(adoptions.adopter_count, 0) as new_adopter_count,
        adoptions.median_days_to_adopt,
        sum(coalesce(adoptions.adopter_count, 0)) over up_to as adopter_count,
        sum(coalesce(eligibility.newly_eligible_count, 0)) over up_to as eligible_count
    from cells
    left join uses
        on
            cells.definition_name = uses.definition_name
            and cells.period = uses.period
            and cells.period_start = uses.period_start
            and cells.group_value = uses.group_value
    left join adoptions
        on
            cells.definition_name = adoptions.definition_name
            and cells.period = adoptions.period
            and cells.period_start = adoptions.period_start
            and cells.group_value = adoptions.group_value
    left join eligibility
        on
            cells.definition_name = eligibility.definition_name
            and cells.period = eligibility.period
            and cells.period_start = eligibility.period_start
    window up_to as (
        partition by cells.definition_name, cells.period, cells.group_value
        order by cells.period_start
        rows between unbounded preceding and current row
    )

),

final as (

    select
        accumulated.definition_name,
        accumulated.period,
        accumulated.period_start,
        accumulated.group_value as feature,
        accumulated.person_count,
        accumulated.repeat_person_count,
        accumulated.repeat_person_count / cast(nullif(accumulated.person_count, 0) as double)
            as repeat_rate,
        accumulated.event_count,
        accumulated.new_adopter_count,
        cast(accumulated.adopter_count as bigint) as adopter_count,
        cast(accumulated.eligible_count as bigint) as eligible_count,
        accumulated.adopter_count / cast(nullif(accumulated.eligible_count, 0) as double)
            as adoption_rate,
        accumulated.median_days_to_adopt,
        {{ periods_after('accumulated.period_start', 1, 'accumulated.period') }}
        <= clocks.watermark_local_at as is_complete
    from accumulated
    inner join clocks on accumulated.definition_name = clocks.definition_name

)

select * from final
