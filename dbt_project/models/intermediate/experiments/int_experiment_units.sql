{{
    config(
        materialized='incremental',
        incremental_strategy='replace_experiments',
        unique_key=['experiment_name', 'unit_id'],
        meta={'day_column': 'settled_on', 'replaced_by': ['experiment_name', 'unit_id']}
    )
}}

-- Who takes part: first exposure, and the day on which a unit was found to have seen
-- another variant. Only sightings between start and end count; a unit that has none but
-- others is kept, so that it can be told.
-- Read only where there is something to build on: depends_on: {{ ref('int_event_days') }}
{% set mark = high_water_mark('built_through_load_id') %}
{% set known = declarations_by('experiment_name', this) if is_incremental() else {} %}
{% set starts = experiments_to_compute(known, mark) %}
{% set continues = is_incremental() and some_go_on(starts) %}

with computed as (

    {{ computed_from(starts) }}

),

dated as (

    select
        sightings.*,
        computed.from_date,
        sightings.sighting_date >= coalesce(experiments.start_date, date '0001-01-01')
        and sightings.sighting_date < coalesce(experiments.end_date, date '9999-12-31')
            as is_within_dates
    from {{ ref('int_experiment_sightings') }} as sightings
    inner join {{ ref('stg_catalog_experiments') }} as experiments
        on sightings.experiment_name = experiments.experiment_name
    inner join computed
        on sightings.experiment_name = computed.experiment_name

),

{% if continues -%}
-- Units that rest on a day that is computed again, new ones, and those seen in another
-- variant: the variant a unit is known by tells nothing, however often it is seen.
changed_units as (

    select
        dated.experiment_name,
        dated.unit_id
    from dated
    left join {{ this }} as known
        on
            dated.unit_id = known.unit_id
            and dated.experiment_name = known.experiment_name
    where
        dated.sighting_date >= dated.from_date
        and dated.sighting_date >= {{ first_computed_day(starts) }}
        and (
            known.unit_id is null
            or (dated.is_within_dates and not known.is_within_dates)
            or (
                dated.is_within_dates = known.is_within_dates
                and (dated.variant <> known.variant or known.variant_count > 1)
            )
        )
    union
    select
        known.experiment_name,
        known.unit_id
    from {{ this }} as known
    inner join computed
        on
            known.experiment_name = computed.experiment_name
            and known.settled_on >= computed.from_date

),

{% endif -%}
by_variant as (

    select
        dated.experiment_name,
        dated.unit_id,
        dated.variant,
        dated.is_within_dates,
        min(dated.first_at) as first_at,
        min(dated.sighting_date) as sighting_date,
        min_by(dated.person_id, dated.first_at) as person_id,
        min_by(dated.slices, dated.first_at) as slices
    from dated
    {% if continues -%}
    inner join changed_units
        on
            dated.unit_id = changed_units.unit_id
            and dated.experiment_name = changed_units.experiment_name
    {% endif -%}
    group by dated.experiment_name, dated.unit_id, dated.variant, dated.is_within_dates

),

in_order as (

    select
        *,
        row_number() over in_time as place,
        lead(sighting_date) over in_time as next_sighting_date,
        lead(is_within_dates) over in_time as is_next_within_dates,
        count(*) over of_its_kind as variant_count,
        max(sighting_date) over of_its_kind as settled_on
    from by_variant
    window
        in_time as (
            partition by experiment_name, unit_id
            order by is_within_dates desc, first_at asc, variant asc
        ),
        of_its_kind as (
            partition by experiment_name, unit_id, is_within_dates
        )

),

final as (

    select
        in_order.experiment_name,
        in_order.unit_id,
        in_order.person_id,
        in_order.variant,
        in_order.first_at as exposed_at,
        in_order.sighting_date as exposure_date,
        in_order.variant_count,
        case
            when in_order.is_next_within_dates = in_order.is_within_dates
                then in_order.next_sighting_date
        end as conflict_date,
        variants.variant is not null as is_known_variant,
        in_order.is_within_dates,
        -- Whether it takes part at all: until the day it is found in another variant.
        variants.variant is not null
        and in_order.is_within_dates
        and (
            in_order.next_sighting_date is null
            or not in_order.is_next_within_dates
            or in_order.next_sighting_date > in_order.sighting_date
        ) as takes_part,
        in_order.slices,
        -- The last day on which it was first seen in a variant: later ones change nothing.
        in_order.settled_on,
        -- A number costs half of a text wherever units are joined, grouped or put in order.
        {{ person_key('in_order.unit_id') }} as unit_key,
        declarations.declaration,
        {{ newest_load() }} as built_through_load_id
    from in_order
    inner join ({{ declarations_of_experiments() }}) as declarations
        on in_order.experiment_name = declarations.experiment_name
    left join {{ ref('stg_catalog_experiment_variants') }} as variants
        on
            in_order.experiment_name = variants.experiment_name
            and in_order.variant = variants.variant
    where in_order.place = 1

)

select * from final
