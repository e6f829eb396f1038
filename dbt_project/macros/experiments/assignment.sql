{# The assignment of units in SQL: the twin of dagster_project/analysis/assignment.py.
   Both count in whole numbers, so that they agree to the last unit. #}

{% macro assignment_place(purpose, salt, unit_id) -%}
    {{ adapter.dispatch('assignment_place')(
        "md5('" ~ purpose ~ ":' || " ~ salt ~ " || ':' || " ~ unit_id ~ ")"
    ) }}
{%- endmacro %}
{% macro default__assignment_place(digest) -%}
    (cast(conv(substring({{ digest }}, 1, 13), 16, 10) as bigint) % 1000000000)
{%- endmacro %}
{% macro duckdb__assignment_place(digest) -%}
    (cast('0x' || substr({{ digest }}, 1, 13) as bigint) % 1000000000)
{%- endmacro %}


{# One row per unit and experiment: unit_id, experiment_name, assigned_variant ('holdout'
   and 'excluded' beside the variants). `units` has unit_id; `experiments` has
   experiment_name, salt, holdout_rate, exclusion_group, slot_from and slot_to;
   `variants` has experiment_name, variant, position and allocation. Every unit is placed
   in every experiment, or, where `units` has experiment_name too, in its own only. #}
{% macro assigned_units(units, experiments, variants, in_their_own=false) %}
    with spans as (

        select
            experiment_name,
            variant,
            allocation,
            sum(cast(round(allocation * 1000000000) as bigint)) over (
                partition by experiment_name
                order by position
                rows between unbounded preceding and current row
            ) as place_to,
            max(case when allocation > 0 then position end) over (
                partition by experiment_name
            ) as last_position,
            position
        from {{ variants }}

    ),

    bounds as (

        select
            experiment_name,
            variant,
            place_to - cast(round(allocation * 1000000000) as bigint) as place_from,
            -- The last variant with a share takes what rounding leaves.
            case when position = last_position then 1000000000 else place_to end
                as place_to
        from spans
        where allocation > 0

    ),

    placed as (

        select
            units.unit_id,
            experiments.experiment_name,
            {{ assignment_place('variant', 'experiments.salt', 'units.unit_id') }}
                as place,
            -- A hash costs 0.2 s a million units: none where nothing is held out.
            case
                when experiments.holdout_rate > 0
                    then {{ assignment_place('holdout', 'experiments.salt', 'units.unit_id') }}
                    < cast(round(experiments.holdout_rate * 1000000000) as bigint)
                else false
            end as is_held_out,
            coalesce(
                {{ assignment_place(
                    'group', 'experiments.exclusion_group', 'units.unit_id'
                ) }} >= cast(round(experiments.slot_from * 1000000000) as bigint)
                and {{ assignment_place(
                    'group', 'experiments.exclusion_group', 'units.unit_id'
                ) }} < cast(round(experiments.slot_to * 1000000000) as bigint),
                true
            ) as is_inside
        from {{ units }} as units
        {% if in_their_own -%}
        inner join {{ experiments }} as experiments
            on units.experiment_name = experiments.experiment_name
        {%- else -%}
        cross join {{ experiments }} as experiments
        {%- endif %}

    )

    select
        placed.unit_id,
        placed.experiment_name,
        case
            when not placed.is_inside then 'excluded'
            when placed.is_held_out then 'holdout'
            else bounds.variant
        end as assigned_variant
    from placed
    inner join bounds
        on
            placed.experiment_name = bounds.experiment_name
            and placed.place >= bounds.place_from
            and placed.place < bounds.place_to
{% endmacro %}
