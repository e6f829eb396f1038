-- Who takes part: first exposure, and the day on which a unit was found to have seen
-- another variant. Only sightings between start and end count; a unit that has none but
-- others is kept, so that it can be told.
with dated as (

    select
        sightings.*,
        sightings.sighting_date >= coalesce(experiments.start_date, date '0001-01-01')
        and sightings.sighting_date < coalesce(experiments.end_date, date '9999-12-31')
            as is_within_dates
    from {{ ref('int_experiment_sightings') }} as sightings
    inner join {{ ref('stg_catalog_experiments') }} as experiments
        on sightings.experiment_name = experiments.experiment_name

),

by_variant as (

    select
        experiment_name,
        unit_id,
        variant,
        is_within_dates,
        min(first_at) as first_at,
        min(sighting_date) as sighting_date,
        min_by(person_id, first_at) as person_id,
        min_by(slices, first_at) as slices
    from dated
    group by experiment_name, unit_id, variant, is_within_dates

),

in_order as (

    select
        *,
        row_number() over in_time as place,
        lead(sighting_date) over in_time as next_sighting_date,
        lead(is_within_dates) over in_time as is_next_within_dates,
        count(*) over (
            partition by experiment_name, unit_id, is_within_dates
        ) as variant_count
    from by_variant
    window in_time as (
        partition by experiment_name, unit_id
        order by is_within_dates desc, first_at asc, variant asc
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
        -- A number costs half of a text wherever units are grouped or put in order.
        row_number() over (
            order by in_order.first_at, in_order.experiment_name, in_order.unit_id
        ) as unit_key
    from in_order
    left join {{ ref('stg_catalog_experiment_variants') }} as variants
        on
            in_order.experiment_name = variants.experiment_name
            and in_order.variant = variants.variant
    where in_order.place = 1

)

select * from final
