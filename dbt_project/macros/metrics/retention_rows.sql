{# Retention on day k: of the persons whose first match of the base filter in all
   history lies in the period, the share with a returning event exactly k local days
   later. Of the days to read the entries of all whom they may be those of, and the
   returns. #}
{% macro retention_rows(metric, days) -%}
    with cohort as (

        select
            {{ period_starts(metric, 'local_at') }},
            {{ dimension_names(metric) }}
            person_key,
            cast(local_at as date) + {{ metric.retention_day }} as return_date
        from ({{ events_of_metric(metric, metric.base_filter_sql, none, none) }}) as entries
        where
            person_key is not null
            {% if days is not none -%}
            and person_key in (
                select person_key
                from ({{ events_of_metric(metric, metric.base_filter_sql, none, days) }}) as read
            )
            {%- endif %}
        qualify row_number() over (partition by person_key order by occurred_at, event_id) = 1

    ),

    -- Few of all events are returns of the cohort: these are told apart, not all.
    returned as (

        select distinct cohort.person_key
        from ({{ events_of_metric(metric, metric.conversion_filter_sql, none, days) }}) as returns
        inner join cohort
            on
                returns.person_key = cohort.person_key
                and cast(returns.local_at as date) = cohort.return_date

    )

    {%- set amounts -%}
        cast(count(returned_key) as decimal(38, 6)) as numerator,
        cast(count(*) as decimal(38, 6)) as denominator,
        cast(null as double) as value
    {%- endset %}
    {% call figures_by_period(metric, amounts, days) -%}
        select
            cohort.*,
            returned.person_key as returned_key
        from cohort
        left join returned on cohort.person_key = returned.person_key
    {%- endcall %}
{%- endmacro %}
