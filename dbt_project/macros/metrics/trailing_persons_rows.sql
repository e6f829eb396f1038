{# Distinct persons active in the trailing N local days at the end of each period. An
   active day counts for the N days from it on, or until the person's next active day:
   these spans do not overlap, so adding their starts and subtracting their ends over
   the calendar counts each person once. #}
{% macro trailing_persons_rows(metric) -%}
    select
        periods.period,
        periods.period_start,
        counted.dimension,
        counted.dimension_value,
        cast(counted.person_count as decimal(38, 6)) as numerator,
        cast(null as decimal(38, 6)) as denominator,
        cast(null as double) as value
    from (
        select
            dimension,
            dimension_value,
            changed_on as date_day,
            sum(change) over (
                partition by dimension, dimension_value order by changed_on
            ) as person_count
        from (
            select
                dimension,
                dimension_value,
                changed_on,
                sum(change) as change
            from (
                select
                    dimension,
                    dimension_value,
                    activity_date as changed_on,
                    1 as change
                from {{ metric.metric_name }}__spans
                union all
                select
                    dimension,
                    dimension_value,
                    ends_on as changed_on,
                    -1 as change
                from {{ metric.metric_name }}__spans
                union all
                select
                    seen.dimension,
                    seen.dimension_value,
                    calendar.date_day as changed_on,
                    0 as change
                from (
                    select distinct dimension, dimension_value
                    from {{ metric.metric_name }}__spans
                ) as seen
                cross join {{ ref('int_calendar_days') }} as calendar
            ) as steps
            group by dimension, dimension_value, changed_on
        ) as changes
    ) as counted
    inner join (
        {% for period in fromjson(metric.periods) -%}
        select
            '{{ period }}' as period,
            {{ period }}_start as period_start,
            max(date_day) as date_day
        from {{ ref('int_calendar_days') }}
        group by {{ period }}_start
        {{ 'union all' if not loop.last }}
        {% endfor -%}
    ) as periods
        on counted.date_day = periods.date_day
    -- Where nobody is left the row is no row: series are filled with 0 later, from the
    -- first value of a group on.
    where counted.person_count > 0
{%- endmacro %}


{# The spans of one metric, a CTE of its own because it is read three times. #}
{% macro trailing_spans(metric, days) -%}
    {%- set window_days = trailing_days_of(metric) -%}
    {%- set filter_sql = fromjson(metric.components)[0].filter_sql -%}
    select
        dimension,
        dimension_value,
        activity_date,
        least(
            activity_date + {{ window_days }},
            coalesce(
                lead(activity_date) over (
                    partition by dimension, dimension_value, person_key
                    order by activity_date
                ),
                activity_date + {{ window_days }}
            )
        ) as ends_on
    from (
        {% for dimension in [{'name': 'all'}] + fromjson(metric.dimensions) -%}
        select distinct
            '{{ dimension.name }}' as dimension,
            {{ "'all'" if loop.first else "coalesce(dimension_" ~ loop.index0 ~ ", '(none)')" }} as dimension_value,
            person_key,
            cast(local_at as date) as activity_date
        from ({{ events_of_metric(metric, filter_sql, none, days) }}) as activity
        where person_key is not null
        {{ 'union all' if not loop.last }}
        {% endfor -%}
    ) as active_days
{%- endmacro %}
