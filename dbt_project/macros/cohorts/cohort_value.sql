{# Cohort LTV: what those who came in a period were worth, period by period. #}

{# The members of each cohort and the value of their events in each period from the start
   on: (ltv_name, dimension, dimension_value, cohort_start, period_number, person_count,
   amount). Number 0 has a row for every cohort, and its members. #}
{% macro cohort_values(ltv, breakdown, entries) -%}
    select
        '{{ ltv.ltv_name }}' as ltv_name,
        '{{ breakdown.dimension }}' as dimension,
        dimension_value,
        cohort_start,
        cast(period_number as integer) as period_number,
        cast(sum(person_count) as bigint) as person_count,
        cast(sum(amount) as decimal(38, 6)) as amount
    from (
        select
            dimension_value,
            cohort_start,
            0 as period_number,
            count(*) as person_count,
            0 as amount
        from {{ entries }}
        group by dimension_value, cohort_start
        union all
        select
            entries.dimension_value,
            entries.cohort_start,
            valued.value_number - entries.cohort_number as period_number,
            0 as person_count,
            sum(valued.amount) as amount
        from (
            select
                unit_key,
                {{ period_number_of(
                    ltv.period, period_start_of(ltv.period, 'bucket_at', ltv.week_start)
                ) }} as value_number,
                sum(value_sum) as amount
            from {{ ref('int_cohort_days') }}
            where
                series_id = '{{ series_id(breakdown.returns) }}'
                and value_sum <> 0
            group by unit_key, value_number
        ) as valued
        inner join {{ entries }} as entries
            on
                valued.unit_key = entries.unit_key
                and valued.value_number >= entries.cohort_number
        group by 1, 2, 3
    ) as counted
    where period_number <= {{ ltv.last_period_number }}
    group by dimension_value, cohort_start, period_number
{%- endmacro %}


{% macro no_cohort_values() -%}
    select
        cast(null as {{ dbt.type_string() }}) as ltv_name,
        cast(null as {{ dbt.type_string() }}) as dimension,
        cast(null as {{ dbt.type_string() }}) as dimension_value,
        cast(null as timestamp) as cohort_start,
        cast(null as integer) as period_number,
        cast(null as bigint) as person_count,
        cast(null as decimal(38, 6)) as amount
    where false
{%- endmacro %}
