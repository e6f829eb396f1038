{# Cohort LTV: what those who came in a period were worth, period by period. #}

{# The members of each cohort and the value of their events in each period from the start
   on: (ltv_name, dimension, dimension_value, cohort_start, period_number, person_count,
   amount, payer_count). Number 0 has a row for every cohort, and its members; a member
   becomes a payer in the period of their first day with value. #}
{% macro cohort_values(ltv, breakdown, entries) -%}
    select
        '{{ ltv.ltv_name }}' as ltv_name,
        '{{ breakdown.dimension }}' as dimension,
        dimension_value,
        cohort_start,
        cast(period_number as integer) as period_number,
        cast(sum(person_count) as bigint) as person_count,
        cast(sum(amount) as decimal(38, 6)) as amount,
        cast(sum(payer_count) as bigint) as payer_count
    from (
        select
            dimension_value,
            cohort_start,
            0 as period_number,
            count(*) as person_count,
            0 as amount,
            0 as payer_count
        from {{ entries }}
        group by dimension_value, cohort_start
        union all
        select
            dimension_value,
            cohort_start,
            period_number,
            0 as person_count,
            sum(amount) as amount,
            count(case when has_paid and payment_number = 1 then 1 end) as payer_count
        from (
            select
                entries.dimension_value,
                entries.cohort_start,
                valued.value_number - entries.cohort_number as period_number,
                valued.amount,
                valued.has_paid,
                row_number() over (
                    partition by entries.unit_key, valued.has_paid
                    order by valued.value_number
                ) as payment_number
            from (
                select
                    unit_key,
                    {{ period_number_of(
                        ltv.period, period_start_of(ltv.period, 'bucket_at', ltv.week_start)
                    ) }} as value_number,
                    sum(value_sum) as amount,
                    max(value_sum) > 0 as has_paid
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
        ) as payments
        group by dimension_value, cohort_start, period_number
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
        cast(null as decimal(38, 6)) as amount,
        cast(null as bigint) as payer_count
    where false
{%- endmacro %}
