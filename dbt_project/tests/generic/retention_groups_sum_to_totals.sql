{# The groups of a breakdown hold the persons of the cohort, each once; of those who may
   start again and again with another value, each at least once. #}
{% test retention_groups_sum_to_totals(model) %}
    with cohorts as (

        select
            retention_name,
            dimension,
            cohort_start,
            sum(cohort_size) as person_count
        from {{ model }}
        where period_number = 0
        group by retention_name, dimension, cohort_start

    )

    select
        groups.*,
        totals.person_count as total_count
    from cohorts as totals
    inner join cohorts as groups
        on
            totals.retention_name = groups.retention_name
            and totals.cohort_start = groups.cohort_start
    inner join {{ ref('dim_retention') }} as retention
        on totals.retention_name = retention.retention_name
    where
        totals.dimension = 'all'
        and groups.dimension <> 'all'
        and (
            groups.person_count < totals.person_count
            or (
                groups.person_count > totals.person_count
                and retention.entry_mode <> 'recurring'
            )
        )
{% endtest %}
