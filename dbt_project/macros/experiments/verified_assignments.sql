{# What is compared where assignments are verified against exposures. #}

{# Units within the dates of experiments that Daybreak assigns, or that have landed
   assignments. #}
{% macro units_to_verify() -%}
    select
        units.experiment_name,
        units.unit_id,
        units.variant,
        units.exposed_at,
        units.exposure_date,
        experiments.unit,
        experiments.assigned_by = 'daybreak' as is_computed,
        landed.experiment is not null as is_landed
    from {{ ref('int_experiment_units') }} as units
    inner join {{ ref('stg_catalog_experiments') }} as experiments
        on units.experiment_name = experiments.experiment_name
    left join (
        select distinct experiment
        from {{ ref('stg_assignments') }}
    ) as landed
        on units.experiment_name = landed.experiment
    where
        units.is_within_dates
        and (experiments.assigned_by = 'daybreak' or landed.experiment is not null)
{%- endmacro %}


{# The landed assignments of each id, the one that counts in place 1. #}
{% macro assignments_that_held(ids) -%}
    select
        ids.*,
        assignments.variant as assigned_variant,
        row_number() over (
            partition by ids.experiment_name, ids.unit_id
            order by
                case when assignments.assigned_at <= ids.exposed_at then assignments.assigned_at end desc nulls last,
                assignments.assigned_at asc,
                case when assignments.variant = ids.variant then 0 else 1 end asc,
                assignments.variant asc
        ) as place
    from {{ ids }} as ids
    inner join {{ ref('stg_assignments') }} as assignments
        on
            ids.experiment_name = assignments.experiment
            and ids.assigned_id = assignments.unit_id
            and (
                ids.unit = assignments.unit
                or (ids.unit = 'person' and assignments.unit = 'device')
            )
{%- endmacro %}
