{% set statuses = ['new', 'returning', 'resurrecting', 'dormant', 'active'] %}

with counts as (

    select * from {{ ref('int_lifecycle_counts') }}

),

bounds as (

    select
        counts.lifecycle_name,
        counts.period,
        min(counts.period_start) as first_start,
        min({{ local_time_of('watermark.watermark_at', 'lifecycles.timezone') }})
            as watermark_local_at
    from counts
    inner join {{ ref('stg_catalog_lifecycle') }} as lifecycles
        on counts.lifecycle_name = lifecycles.lifecycle_name
    cross join {{ ref('int_watermark') }} as watermark
    where counts.status = 'active'
    group by counts.lifecycle_name, counts.period

),

spine as (

    {{ period_spine('bounds', 'lifecycle_name') }}

),

by_period as (

    select
        lifecycle_name,
        period,
        period_start,
        {% for status in statuses %}
        sum(case when status = '{{ status }}' then person_count end) as {{ status }}_count
        {{- ',' if not loop.last }}
        {% endfor %}
    from counts
    group by lifecycle_name, period, period_start

),

judged as (

    select
        spine.*,
        {{ periods_after('spine.period_start', '1', 'spine.period') }}
        <= bounds.watermark_local_at as is_complete
    from spine
    inner join bounds
        on
            spine.lifecycle_name = bounds.lifecycle_name
            and spine.period = bounds.period

),

final as (

    select
        judged.lifecycle_name,
        judged.period,
        judged.period_start,
        {% for status in statuses if status != 'dormant' %}
        cast(coalesce(by_period.{{ status }}_count, 0) as bigint) as {{ status }}_count,
        {% endfor %}
        cast(case when judged.is_complete then coalesce(by_period.dormant_count, 0) end as bigint)
            as dormant_count,
        judged.is_complete
    from judged
    left join by_period
        on
            judged.lifecycle_name = by_period.lifecycle_name
            and judged.period = by_period.period
            and judged.period_start = by_period.period_start

)

select * from final
