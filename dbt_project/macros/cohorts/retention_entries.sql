{# Who entered which cohort: (unit_key, dimension_value, cohort_start, cohort_number,
   entered_at). A first entry is the first of all history, a recurring one the first of
   its period. After a change, of those who entered or returned since. #}
{% macro entries_of_cohorts(retention, breakdown) -%}
    {%- set start = changed_period_start(retention, retention.period) -%}
    {%- set keeps_first = breakdown.entries_keep_first -%}
    {%- set order = 'first_at' if keeps_first else 'bucket_at' -%}
    {%- set is_recurring = retention.entry_mode == 'recurring' -%}
    {%- set is_grouped = is_recurring and breakdown.matches_value -%}
    select
        unit_key,
        dimension_value,
        cohort_start,
        {{ period_number_of(retention.period, 'cohort_start') }} as cohort_number,
        entered_at
    from (
        select
            unit_key,
            dimension_value,
            is_entry,
            {{ entry_instant(retention) }} as entered_at,
            {{ period_start_of(retention.period, 'bucket_at', retention.week_start) }} as cohort_start
        from (
            select
                unit_key,
                {{ 'min_by(bucket_at, first_at)' if keeps_first else 'min(bucket_at)' }} as bucket_at,
                {{ 'min(first_at)' if keeps_first else 'cast(null as timestamp)' }} as first_at,
                {{ 'min_by(first_is_match, first_at)' if keeps_first else 'true' }} as is_entry,
                {{ 'group_value' if is_grouped
                    else 'min_by(group_value, first_at)' if keeps_first else "'all'" }} as dimension_value
            from {{ ref('int_cohort_days') }}
            where
                series_id = '{{ series_id(breakdown.entries) }}'
                {% if start is not none -%}
                and unit_key in (
                    select unit_key
                    from {{ ref('int_cohort_days') }}
                    where
                        series_id in (
                            '{{ series_id(breakdown.entries) }}',
                            '{{ series_id(breakdown.returns) }}'
                        )
                        and bucket_at >= {{ start }}
                )
                {%- endif %}
            group by
                unit_key
                {%- if is_recurring %},
                {{ period_start_of(retention.period, 'bucket_at', retention.week_start) }}
                {%- endif -%}
                {{ ', group_value' if is_grouped }}
        ) as firsts
    ) as placed
    where is_entry
{%- endmacro %}


{# When the rolling clock of an entry starts. Hours begin in the zone: some zones lie
   half an hour off UTC. #}
{% macro entry_instant(retention) -%}
    {%- if retention.clock == 'rolling_from_hour' -%}
        {%- set local_at = local_time_in('first_at', retention.timezone) -%}
        first_at - ({{ local_at }} - date_trunc('hour', {{ local_at }}))
    {%- else -%}
        first_at
    {%- endif -%}
{%- endmacro %}
