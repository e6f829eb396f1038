{# Retention on day k: of the persons whose first match of the base filter in all
   history lies in the period, the share with a returning event exactly k local days
   later. #}
{% macro retention_rows(metric) -%}
    select
        {{ period_and_dimension(metric) }},
        cast(count(returned.person_key) as decimal(38, 6)) as numerator,
        cast(count(*) as decimal(38, 6)) as denominator,
        cast(null as double) as value
    from (
        select
            {{ period_starts('local_at') }},
            {{ dimension_names(metric) }}
            person_key,
            cast(local_at as date) + {{ metric.retention_day }} as return_date
        from ({{ events_of_metric(metric, metric.base_filter_sql, none, true) }}) as entries
        where person_key is not null
        qualify row_number() over (partition by person_key order by occurred_at, event_id) = 1
    ) as cohort
    left join (
        select distinct
            person_key,
            cast(local_at as date) as return_date
        from ({{ events_of_metric(metric, metric.conversion_filter_sql, none, true) }}) as returns
    ) as returned
        on
            cohort.person_key = returned.person_key
            and cohort.return_date = returned.return_date
    group by grouping sets ({{ grouping_sets(metric) }})
{%- endmacro %}
