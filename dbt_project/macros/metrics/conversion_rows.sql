{# Conversion and time to convert. Each conversion is credited to the latest base event
   of the person at or before it, within (t - window, t] [MetricFlow]; figures belong to
   the period of the base event. One ordered pass over both kinds of events: at equal
   times the base event comes first. The mean is taken of exact decimals: a sum of
   floating numbers depends on the order in which rows happen to lie. #}
{% macro conversion_rows(metric, days) -%}
    {%- if metric.metric_type == 'time_to' -%}
        {%- set total = {
            'mean': 'cast(sum(cast(seconds_to_convert as decimal(18, 6))) as double)'
                ~ ' / count(seconds_to_convert)',
            'median': percentile_of('seconds_to_convert', 0.5),
            'p90': percentile_of('seconds_to_convert', 0.9)
        }[metric.statistic] -%}
        {%- set numerator, denominator, value = 'null', 'count(seconds_to_convert)', total -%}
    {%- elif metric.count_by == 'persons' -%}
        {%- set numerator = 'count(distinct case when conversion_count > 0 then person_key end)' -%}
        {%- set denominator, value = 'count(distinct person_key)', 'null' -%}
    {%- else -%}
        {%- set numerator, denominator, value = 'coalesce(sum(conversion_count), 0)', 'count(*)', 'null' -%}
    {%- endif -%}
    {%- set amounts -%}
        cast({{ numerator }} as decimal(38, 6)) as numerator,
        cast({{ denominator }} as decimal(38, 6)) as denominator,
        cast({{ value }} as double) as value
    {%- endset %}
    {% call figures_by_period(metric, amounts, days) -%}
        with base_events as {{ computed_once() if days is not none else inline_cte() }} (

            {{ events_of_metric(metric, metric.base_filter_sql, none, days) }}

        )

        select
            {{ period_starts(metric, 'base_events.local_at') }},
            {{ dimension_names(metric, 'base_events') }}
            base_events.person_key,
            coalesce(credited.conversion_count, 0) as conversion_count,
            credited.seconds_to_convert
        from base_events
        left join (
            select
                base_event_id,
                count(*) as conversion_count,
                min({{ seconds_between('base_at', 'occurred_at') }}) as seconds_to_convert
            from (
                select
                    is_conversion,
                    occurred_at,
                    last_value(base_event_id ignore nulls) over in_order as base_event_id,
                    last_value(base_at ignore nulls) over in_order as base_at
                from (
                    select
                        person_key,
                        occurred_at,
                        event_id,
                        0 as is_conversion,
                        event_id as base_event_id,
                        occurred_at as base_at
                    from base_events
                    union all
                    select
                        person_key,
                        occurred_at,
                        event_id,
                        1 as is_conversion,
                        null as base_event_id,
                        null as base_at
                    from ({{ events_of_metric(metric, metric.conversion_filter_sql, none, days) }}) as conversions
                ) as both_kinds
                where person_key is not null
                window in_order as (
                    partition by person_key
                    order by occurred_at, is_conversion, event_id
                    rows between unbounded preceding and current row
                )
            ) as matched
            where
                is_conversion = 1
                and base_event_id is not null
                and occurred_at - base_at < interval '{{ metric.window_seconds }}' second
            group by base_event_id
        ) as credited
            on base_events.event_id = credited.base_event_id
        where base_events.person_key is not null
    {%- endcall %}
{%- endmacro %}
